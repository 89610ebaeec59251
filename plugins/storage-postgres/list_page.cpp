#include "list_page.hpp"

namespace engram::storage_postgres {
std::vector<ListedRow> firstRows(const engram_list_query& query, const SearchIndex& index, Scope& scope,
                                 const std::optional<listing::Place>& after, size_t most) {
    const std::vector<RowFacts>& rows = index.rows();
    const listing::Order<RowFacts> order(query, rows);
    listing::FirstRows first(order, most);
    const uint64_t key = after ? order.keyOf(*after) : 0;
    for (uint32_t i = 0; i < order.rows(); ++i) {
        const uint32_t slot = order.row(i);
        if (!scope.holds(rows[slot])) continue;
        const listing::Candidate candidate = order.at(slot);
        if (!first.wants(candidate) || (after && !order.before(key, after->id, candidate))) continue;
        if (scope.mayPass(rows[slot])) first.add(candidate);
    }
    std::vector<ListedRow> out;
    for (const listing::Candidate& each : std::move(first).inOrder())
        out.push_back({rows[each.row].rid, listing::placeOf(rows[each.row], query.order)});
    return out;
}

}  // namespace engram::storage_postgres
