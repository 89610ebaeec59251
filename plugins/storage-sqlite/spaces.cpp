#include "spaces.hpp"

#include <algorithm>

namespace engram::storage_sqlite {

Space* findSpace(Tenant& tenant, uint32_t id) {
    auto it = std::find_if(tenant.spaces.begin(), tenant.spaces.end(), [&](const Space& s) { return s.id == id; });
    return it == tenant.spaces.end() ? nullptr : &*it;
}

Space createSpace(Tenant& tenant, std::string_view name, uint32_t dimensions) {
    uint32_t next = 1;
    for (const Space& s : tenant.spaces) {
        next = std::max(next, s.id + 1);
        if (s.name == name) return s;
    }
    Statement insert = tenant.writer->statement("INSERT INTO spaces VALUES(?, ?, ?, 0)");
    insert.bind(1, int64_t(next)).bindText(2, name).bind(3, int64_t(dimensions)).run();
    std::unique_lock lock(tenant.index_mutex);
    return tenant.spaces.emplace_back(Space{next, dimensions, std::string(name), ENGRAM_SPACE_IDLE});
}

void markSpace(Tenant& tenant, uint32_t space, uint32_t state) {
    constexpr const char* kMark = "UPDATE spaces SET active = CASE WHEN id = ?1 THEN ?2 ELSE 0 END WHERE id = ?1 OR active = ?2";
    tenant.writer->statement(kMark).bind(1, int64_t(space)).bind(2, int64_t(state)).run();
    std::unique_lock lock(tenant.index_mutex);
    for (Space& s : tenant.spaces)
        if (s.id == space) s.active = state;
        else if (s.active == state) s.active = ENGRAM_SPACE_IDLE;
}

}  // namespace engram::storage_sqlite
