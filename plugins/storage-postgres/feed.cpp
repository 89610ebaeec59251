#include "feed.hpp"

#include "reading.hpp"
#include "row.hpp"

#include <algorithm>
#include <map>

namespace engram::storage_postgres {
namespace {

constexpr uint32_t kChunk = 500;
constexpr uint32_t kAll = 0xF;  // every column

struct Place {
    int table, row;  // 0 versions, 1 edges, 2 purges
};

engram_status pushOne(const std::vector<Result>& answers, uint64_t lsn, const Place& place, const engram_changes& sink) {
    engram_change change{};
    change.size = sizeof change;
    change.lsn = lsn;
    if (place.table == 0) {
        Row row(answers[0], place.row);
        change.kind = row.deleted() ? ENGRAM_CHANGE_DELETE : ENGRAM_CHANGE_PUT;
        change.record = row.record(kAll);
        return sink.change(sink.ctx, &change);
    }
    if (place.table == 1) {
        const engram_edge edge = edgeAt(answers[1], place.row);
        change.kind = edge.deleted ? ENGRAM_CHANGE_DELETE_EDGE : ENGRAM_CHANGE_PUT_EDGE;
        change.edge = &edge;
        return sink.change(sink.ctx, &change);
    }
    engram_record record{};
    record.size = sizeof record;
    record.id = binary::toUuid(answers[2].bytes(place.row, 1));
    change.kind = ENGRAM_CHANGE_PURGE;
    change.record = &record;
    return sink.change(sink.ctx, &change);
}

}  // namespace

engram_status pushChanges(Session& session, const engram_uuid& tenant, uint64_t after, uint64_t upto, uint32_t limit,
                          const engram_changes& sink, bool* pushed) {
    while (limit > 0 && after < upto) {
        const auto chunk = static_cast<int32_t>(std::min(limit, kChunk));
        const auto answers = read(session, tenant,
                                  {{kFeedVersions, Parameters().add(int32_t(kAll)).add(after).add(upto).add(chunk)},
                                   {kFeedEdges, Parameters().add(after).add(upto).add(chunk)},
                                   {kFeedPurges, Parameters().add(after).add(upto).add(chunk)}});
        // An LSN is in one of the tables, or nowhere if a purge took it.
        std::map<uint64_t, Place> order;
        for (int table = 0; table < 3; ++table)
            for (int row = 0; row < answers[static_cast<size_t>(table)].rows(); ++row)
                order[static_cast<uint64_t>(answers[static_cast<size_t>(table)].integer(row, 0))] = {table, row};
        int32_t n = 0;
        for (const auto& [lsn, place] : order) {
            if (n++ == chunk) break;
            *pushed = true;
            if (const engram_status status = pushOne(answers, lsn, place, sink); status != ENGRAM_OK) return status;
            after = lsn;
            --limit;
        }
        if (order.size() < static_cast<size_t>(chunk)) break;
    }
    return ENGRAM_OK;
}

}  // namespace engram::storage_postgres
