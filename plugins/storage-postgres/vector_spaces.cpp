#include "vector_spaces.hpp"

#include "codec.hpp"
#include "statements.hpp"

#include <engram/cpp/text.hpp>

#include <algorithm>
#include <cmath>
#include <map>

namespace engram::storage_postgres {

int rowOf(const Result& spaces, uint32_t space) {
    for (int i = 0; i < spaces.rows(); ++i)
        if (static_cast<uint32_t>(spaces.small(i, 0)) == space) return i;
    return -1;
}

engram_status createSpace(Session& session, const Parameters& tenant, const Result& spaces, engram_space& space) {
    for (int i = 0; i < spaces.rows(); ++i) {
        if (spaces.bytes(i, 2) != view(space.name)) continue;
        if (static_cast<uint32_t>(spaces.small(i, 1)) != space.dimensions) return ENGRAM_ALREADY_EXISTS;
        space.id = static_cast<uint32_t>(spaces.small(i, 0));
        space.active = static_cast<uint32_t>(spaces.small(i, 3));
        return ENGRAM_OK;
    }
    Parameters parameters = tenant;
    parameters.add(view(space.name)).add(static_cast<int32_t>(space.dimensions));
    space.id = static_cast<uint32_t>(session.queue(kCreateSpace, parameters).flush().front().small(0, 0));
    space.active = ENGRAM_SPACE_IDLE;
    return ENGRAM_OK;
}

bool fillVectors(Session& session, const Parameters& tenant, const Result& spaces, int row, const engram_fill* fills,
                 size_t n, uint64_t* filled) {
    const auto dimensions = static_cast<uint32_t>(spaces.small(row, 1));
    std::map<uint64_t, const float*> by_rid;  // a rid that comes twice: the last
    for (size_t i = 0; i < n; ++i) {
        if (!std::all_of(fills[i].values, fills[i].values + dimensions, [](float f) { return std::isfinite(f); })) return false;
        if (fills[i].rid <= uint64_t(kCurrent)) by_rid[fills[i].rid] = fills[i].values;
    }
    Array rids(Type::Integer), scales(Type::Single), codes(Type::Bytes);
    for (const auto& [rid, values] : by_rid) {
        const Quantised quantised = quantise(values, dimensions);
        rids.add(static_cast<int64_t>(rid));
        scales.add(binary::single(quantised.scale));
        codes.add(std::string_view(quantised.codes));
    }
    Parameters parameters = tenant;
    parameters.add(spaces.small(row, 0)).add(rids).add(scales).add(codes);
    *filled = static_cast<uint64_t>(session.queue(kFill, parameters).flush().front().rows());
    return true;
}

}  // namespace engram::storage_postgres
