#include "list_page.hpp"

#include <engram/cpp/list_order.hpp>
#include <engram/cpp/text.hpp>

namespace engram::storage_sqlite {
namespace {

constexpr std::string_view kMark = "s1";  // of cursors

using listing::Candidate;
using listing::Place;
using Order = listing::Order<RowFacts>;

enum class Filter { Later, Asked };

// The first rows of the scope after a place.
std::vector<Candidate> firstRows(const Order& order, size_t capacity, const std::optional<Place>& after, ScopedRows& scope,
                                 Filter filter) {
    listing::FirstRows first(order, capacity);
    const uint64_t key = after ? order.keyOf(*after) : 0;
    for (uint32_t i = 0; i < order.rows(); ++i) {
        const uint32_t row = order.row(i);
        if (!scope.holds(row)) continue;
        const Candidate candidate = order.at(row);
        if (after && !order.before(key, after->id, candidate)) continue;
        if (first.wants(candidate) && (filter == Filter::Later || scope.passes(row))) first.add(candidate);
    }
    return std::move(first).inOrder();
}

}  // namespace

std::optional<ListPage> listPage(const engram_list_query& query, const Facts& facts, ScopedRows& scope) {
    std::optional<Place> after;
    if (query.cursor.len > 0 && !(after = listing::readCursor(kMark, view(query.cursor), query))) return std::nullopt;
    const Order order(query, facts.rows());
    const std::vector<RowFacts>& all = facts.rows();
    const bool filtered = query.scope.filter.n_nodes > 0;
    const size_t wanted = size_t(query.limit) + 1;  // one more tells whether there is another page
    std::vector<uint32_t> page;

    // A filter may have to read what it is asked about. Most let most rows through, so it is first asked in the list's
    // order, and of few; where they do not fill the page, of whatever may stand on it.
    const size_t few = filtered ? 2 * wanted : wanted;
    const auto first = firstRows(order, few, after, scope, Filter::Later);
    for (size_t i = 0; i < first.size() && page.size() < wanted; ++i)
        if (!filtered || scope.passes(first[i].row)) page.push_back(first[i].row);
    if (page.size() < wanted && first.size() == few) {
        after = listing::placeOf(all[first.back().row], query.order);
        for (const Candidate& next : firstRows(order, wanted - page.size(), after, scope, Filter::Asked))
            page.push_back(next.row);
    }

    ListPage out;
    if (page.size() == wanted) {
        page.pop_back();
        out.next = listing::cursorOf(kMark, listing::placeOf(all[page.back()], query.order), query);
    }
    for (const uint32_t row : page) out.rids.push_back(all[row].rid);
    return out;
}

}  // namespace engram::storage_sqlite
