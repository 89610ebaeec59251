#include "list_page.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace engram::storage_postgres {
namespace {

// A row of the index by its key: what comes first in the list has the lower one, and ids decide between equals.
struct Candidate {
    uint64_t key = 0;
    uint32_t slot = 0;
};

class Order {
public:
    Order(const engram_list_query& query, const std::vector<RowFacts>& rows)
        : rows_(rows), order_(query.order), descending_(query.descending != 0) {}

    Candidate at(uint32_t slot) const {
        const RowFacts& row = rows_[slot];
        return {order_ == ENGRAM_ORDER_IMPORTANCE ? keyOf(row.importance) : keyOf(timeOf(row, order_)), slot};
    }
    uint64_t keyOf(const Place& place) const {
        if (place.absent) return keyOf(ENGRAM_TIME_NONE);
        return order_ == ENGRAM_ORDER_IMPORTANCE ? keyOf(place.number) : keyOf(place.time);
    }
    bool before(const Candidate& a, const Candidate& b) const { return before(a.key, rows_[a.slot].id, b); }
    bool before(uint64_t key, const engram_uuid& id, const Candidate& b) const {
        return key != b.key ? key < b.key : idBefore(id, rows_[b.slot].id);
    }

private:
    // Both ways ENGRAM_TIME_NONE, the lowest of all numbers, gets the highest key.
    uint64_t directed(uint64_t ascending) const { return descending_ ? ~ascending : ascending - 1; }
    uint64_t keyOf(engram_time time) const { return directed(static_cast<uint64_t>(time) ^ kSign); }
    uint64_t keyOf(double number) const {
        const auto bits = std::bit_cast<uint64_t>(number + 0.0);  // -0 is 0
        return directed(bits & kSign ? ~bits : bits | kSign);
    }
    bool idBefore(const engram_uuid& a, const engram_uuid& b) const {
        const int c = std::memcmp(a.bytes, b.bytes, sizeof a.bytes);
        return descending_ ? c > 0 : c < 0;
    }

    static constexpr uint64_t kSign = uint64_t(1) << 63;
    const std::vector<RowFacts>& rows_;
    const uint32_t order_;
    const bool descending_;
};

// The first `capacity` of the rows it is offered. Twice as many are gathered before half of them is let go, so that a row
// costs the same however the rows come.
class FirstRows {
public:
    FirstRows(const Order& order, size_t capacity) : order_(order), capacity_(capacity) {}

    bool wants(const Candidate& candidate) const { return !bound_ || order_.before(candidate, *bound_); }
    void add(const Candidate& candidate) {
        kept_.push_back(candidate);
        if (kept_.size() >= 2 * capacity_) cut();
    }
    std::vector<Candidate> inOrder() && {
        if (kept_.size() > capacity_) cut();
        std::sort(kept_.begin(), kept_.end(), [&](const Candidate& a, const Candidate& b) { return order_.before(a, b); });
        return std::move(kept_);
    }

private:
    void cut() {
        const auto last = kept_.begin() + static_cast<std::ptrdiff_t>(capacity_ - 1);
        std::nth_element(kept_.begin(), last, kept_.end(),
                         [&](const Candidate& a, const Candidate& b) { return order_.before(a, b); });
        kept_.resize(capacity_);
        bound_ = kept_.back();
    }

    const Order& order_;
    const size_t capacity_;
    std::vector<Candidate> kept_;
    std::optional<Candidate> bound_;  // the last of those kept: what comes after it is not among the first
};

}  // namespace

std::vector<ListedRow> firstRows(const engram_list_query& query, const SearchIndex& index, Scope& scope,
                                 const std::optional<Place>& after, size_t most) {
    const std::vector<RowFacts>& rows = index.rows();
    const Order order(query, rows);
    FirstRows first(order, most);
    const uint64_t key = after ? order.keyOf(*after) : 0;
    const auto n = static_cast<uint32_t>(rows.size());
    for (uint32_t i = 0; i < n; ++i) {
        // Rows lie as they were written, which is near to most orders: from the end that comes first, the first ones are
        // found early and the others are only compared.
        const uint32_t slot = query.descending ? n - 1 - i : i;
        if (!scope.holds(rows[slot])) continue;
        const Candidate candidate = order.at(slot);
        if (!first.wants(candidate) || (after && !order.before(key, after->id, candidate))) continue;
        if (scope.mayPass(rows[slot])) first.add(candidate);
    }
    std::vector<ListedRow> out;
    for (const Candidate& each : std::move(first).inOrder())
        out.push_back({rows[each.slot].rid, placeOf(rows[each.slot], query.order)});
    return out;
}

}  // namespace engram::storage_postgres
