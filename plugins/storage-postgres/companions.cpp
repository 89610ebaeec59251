#include "reader.hpp"

#include <algorithm>

namespace engram::storage_postgres {
namespace {

struct Found {
    size_t index;
    std::vector<engram_member> members;
};

// Those that may pass, where the filter needs rows of the table.
std::vector<Found> groupsOf(const SearchIndex& index, Scope& scope, uint64_t at, const uint64_t* rids, size_t n, uint64_t most) {
    std::vector<Found> found;
    std::vector<const std::vector<Posting>*> seen;
    for (size_t i = 0; i < n; ++i) {
        const auto own = index.slotOf(rids[i]);
        if (!own || !index.rows()[*own].visibleAt(at) || index.rows()[*own].deleted) continue;
        const std::vector<Posting>* group = index.groupOf(*own);
        if (std::find(seen.begin(), seen.end(), group) != seen.end()) continue;
        Found one{i, {}};
        if (group) {
            seen.push_back(group);
            uint64_t size = 0;
            for (const Posting& posting : *group) {
                const RowFacts& row = index.rows()[posting.slot];
                if (!scope.holds(row)) continue;
                ++size;
                if (scope.mayPass(row)) one.members.push_back({row.rid, row.length, 0});
            }
            if (size > most) break;
            most -= size;
        }
        found.push_back(std::move(one));
    }
    return found;
}

}  // namespace

engram_status Reader::companions(const engram_scope& abi, const uint64_t* rids, size_t n, uint64_t most,
                                 const engram_groups& sink) {
    std::vector<Found> found;
    {
        const auto index = view_.tenant->index();
        const auto lock = ensure(*index, {SearchIndex::Needs::Words::Yes});
        Scope scope(abi, *index, view_.at);
        found = groupsOf(*index, scope, view_.at, rids, n, most);
    }
    if (needsRow(abi.filter)) {
        std::vector<uint64_t> all;
        for (const Found& one : found)
            for (const engram_member& member : one.members) all.push_back(member.rid);
        const std::vector<bool> passes = passing(abi.filter, all);
        auto passed = passes.begin();
        for (Found& one : found) std::erase_if(one.members, [&](const engram_member&) { return !*passed++; });
    }
    for (const Found& one : found)
        if (const engram_status status = sink.group(sink.ctx, one.index, one.members.data(), one.members.size());
            status != ENGRAM_OK)
            return status;
    return ENGRAM_OK;
}

}  // namespace engram::storage_postgres
