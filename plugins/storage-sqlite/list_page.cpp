#include "list_page.hpp"

#include <engram/cpp/text.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

namespace engram::storage_sqlite {
namespace {

// A record's place in an order, as cursors name it.
struct Place {
    bool absent = false;
    double number = 0;
    int64_t time = 0;
    engram_uuid id{};
};

constexpr char kDigits[] = "0123456789abcdef";

void hex(std::string& out, const void* bytes, size_t n) {
    for (size_t i = 0; i < n; ++i) {
        const auto b = static_cast<const unsigned char*>(bytes)[i];
        out += kDigits[b >> 4];
        out += kDigits[b & 15];
    }
}

bool unhex(std::string_view& text, void* bytes, size_t n) {
    if (text.size() < 2 * n) return false;
    for (size_t i = 0; i < n; ++i) {
        const char* high = std::char_traits<char>::find(kDigits, 16, text[2 * i]);
        const char* low = std::char_traits<char>::find(kDigits, 16, text[2 * i + 1]);
        if (!high || !low) return false;
        static_cast<unsigned char*>(bytes)[i] = static_cast<unsigned char>((high - kDigits) << 4 | (low - kDigits));
    }
    text.remove_prefix(2 * n);
    return true;
}

engram_time timeOf(const RowFacts& row, uint32_t order) {
    return order == ENGRAM_ORDER_UPDATED ? row.updated_at : order == ENGRAM_ORDER_OCCURRED ? row.occurred_at : row.created_at;
}

Place placeOf(const RowFacts& row, uint32_t order) {
    if (order == ENGRAM_ORDER_IMPORTANCE) return {false, row.importance, 0, row.id};
    const engram_time time = timeOf(row, order);
    return {time == ENGRAM_TIME_NONE, 0, time == ENGRAM_TIME_NONE ? 0 : time, row.id};
}

// "s1", then order, direction, absent, number, time, id in hex.
std::string cursorOf(const Place& place, const engram_list_query& query) {
    std::string out = "s1";
    const unsigned char head[3] = {static_cast<unsigned char>(query.order), static_cast<unsigned char>(query.descending != 0),
                                   static_cast<unsigned char>(place.absent)};
    hex(out, head, sizeof head);
    hex(out, &place.number, sizeof place.number);
    hex(out, &place.time, sizeof place.time);
    hex(out, place.id.bytes, sizeof place.id.bytes);
    return out;
}

std::optional<Place> readCursor(std::string_view text, const engram_list_query& query) {
    Place place;
    unsigned char head[3];
    if (!text.starts_with("s1")) return std::nullopt;
    text.remove_prefix(2);
    if (!unhex(text, head, sizeof head) || !unhex(text, &place.number, sizeof place.number) ||
        !unhex(text, &place.time, sizeof place.time) || !unhex(text, place.id.bytes, sizeof place.id.bytes) || !text.empty())
        return std::nullopt;
    if (head[0] != query.order || head[1] != (query.descending != 0) || head[2] > 1 || std::isnan(place.number))
        return std::nullopt;
    place.absent = head[2] != 0;
    return place;
}

// A row of the facts by its key: what comes first in the list has the lower one, and ids decide between equals.
struct Candidate {
    uint64_t key = 0;
    uint32_t row = 0;
};

class Order {
public:
    Order(const engram_list_query& query, const Facts& facts)
        : rows_(facts.rows()), order_(query.order), descending_(query.descending != 0) {}

    Candidate at(uint32_t row) const {
        const RowFacts& facts = rows_[row];
        return {order_ == ENGRAM_ORDER_IMPORTANCE ? keyOf(facts.importance) : keyOf(timeOf(facts, order_)), row};
    }
    uint64_t keyOf(const Place& place) const {
        if (place.absent) return keyOf(ENGRAM_TIME_NONE);
        return order_ == ENGRAM_ORDER_IMPORTANCE ? keyOf(place.number) : keyOf(place.time);
    }
    bool before(const Candidate& a, const Candidate& b) const {
        return a.key != b.key ? a.key < b.key : idBefore(rows_[a.row].id, rows_[b.row].id);
    }
    bool before(uint64_t key, const engram_uuid& id, const Candidate& b) const {
        return key != b.key ? key < b.key : idBefore(id, rows_[b.row].id);
    }
    bool descending() const { return descending_; }
    uint32_t rows() const { return static_cast<uint32_t>(rows_.size()); }

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

enum class Filter { Later, Asked };

// The first rows of the scope after a place. Rows lie as they were written, which is near to most orders: from the end that
// comes first, the first ones are found early and the others are only compared.
std::vector<Candidate> firstRows(const Order& order, size_t capacity, const std::optional<Place>& after, ScopedRows& scope,
                                 Filter filter) {
    FirstRows first(order, capacity);
    const uint64_t key = after ? order.keyOf(*after) : 0;
    const uint32_t n = order.rows();
    for (uint32_t i = 0; i < n; ++i) {
        const uint32_t row = order.descending() ? n - 1 - i : i;
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
    if (query.cursor.len > 0 && !(after = readCursor(view(query.cursor), query))) return std::nullopt;
    const Order order(query, facts);
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
        after = placeOf(all[first.back().row], query.order);
        for (const Candidate& next : firstRows(order, wanted - page.size(), after, scope, Filter::Asked))
            page.push_back(next.row);
    }

    ListPage out;
    if (page.size() == wanted) {
        page.pop_back();
        out.next = cursorOf(placeOf(all[page.back()], query.order), query);
    }
    for (const uint32_t row : page) out.rids.push_back(all[row].rid);
    return out;
}

}  // namespace engram::storage_sqlite
