// The orders of list() (storage.h) over rows that a store keeps in a vector: places, cursors that name them, and the first rows
// of an order without sorting all. Pure; any thread.
//
// Row: a type with id, importance, created_at, updated_at and occurred_at as in engram_record.
#pragma once

#include <engram/storage.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace engram::listing {

// A record's place in an order. Absent times last both ways, ties by id in the direction of the order.
struct Place {
    bool absent = false;
    double number = 0;  // of the order by importance
    int64_t time = 0;   // of the others
    engram_uuid id{};
};

template <class Row>
engram_time timeOf(const Row& row, uint32_t order) {
    return order == ENGRAM_ORDER_UPDATED ? row.updated_at : order == ENGRAM_ORDER_OCCURRED ? row.occurred_at : row.created_at;
}

template <class Row>
Place placeOf(const Row& row, uint32_t order) {
    if (order == ENGRAM_ORDER_IMPORTANCE) return {false, row.importance, 0, row.id};
    const engram_time time = timeOf(row, order);
    return {time == ENGRAM_TIME_NONE, 0, time == ENGRAM_TIME_NONE ? 0 : time, row.id};
}

// A cursor: a store's own mark, then order, direction, absent, number, time and id as this machine has them, in hexadecimal.
inline std::string cursorOf(std::string_view mark, const Place& place, const engram_list_query& query) {
    constexpr char kDigits[] = "0123456789abcdef";
    std::string out(mark);
    const auto add = [&](const void* bytes, size_t n) {
        for (size_t i = 0; i < n; ++i) {
            const auto b = static_cast<const unsigned char*>(bytes)[i];
            out += kDigits[b >> 4];
            out += kDigits[b & 15];
        }
    };
    const unsigned char head[3] = {static_cast<unsigned char>(query.order), static_cast<unsigned char>(query.descending != 0),
                                   static_cast<unsigned char>(place.absent)};
    add(head, sizeof head);
    add(&place.number, sizeof place.number);
    add(&place.time, sizeof place.time);
    add(place.id.bytes, sizeof place.id.bytes);
    return out;
}

// Nothing if the text is not a cursor with this mark, order and direction.
inline std::optional<Place> readCursor(std::string_view mark, std::string_view text, const engram_list_query& query) {
    if (!text.starts_with(mark)) return std::nullopt;
    text.remove_prefix(mark.size());
    const auto digit = [](char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; };
    const auto take = [&](void* bytes, size_t n) {
        if (text.size() < 2 * n) return false;
        for (size_t i = 0; i < n; ++i) {
            const int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);
            if (high < 0 || low < 0) return false;
            static_cast<unsigned char*>(bytes)[i] = static_cast<unsigned char>(high << 4 | low);
        }
        text.remove_prefix(2 * n);
        return true;
    };
    Place place;
    unsigned char head[3];
    if (!take(head, sizeof head) || !take(&place.number, sizeof place.number) || !take(&place.time, sizeof place.time) ||
        !take(place.id.bytes, sizeof place.id.bytes) || !text.empty())
        return std::nullopt;
    if (head[0] != query.order || head[1] != (query.descending != 0) || head[2] > 1 || std::isnan(place.number))
        return std::nullopt;
    place.absent = head[2] != 0;
    return place;
}

// A row by its key: what comes first in the list has the lower one, and ids decide between equals.
struct Candidate {
    uint64_t key = 0;
    uint32_t row = 0;  // its position in the vector
};

template <class Row>
class Order {
public:
    Order(const engram_list_query& query, const std::vector<Row>& rows)
        : rows_(rows), order_(query.order), descending_(query.descending != 0) {}

    Candidate at(uint32_t row) const {
        const Row& facts = rows_[row];
        return {order_ == ENGRAM_ORDER_IMPORTANCE ? keyOf(facts.importance) : keyOf(timeOf(facts, order_)), row};
    }
    uint64_t keyOf(const Place& place) const {
        if (place.absent) return keyOf(ENGRAM_TIME_NONE);
        return order_ == ENGRAM_ORDER_IMPORTANCE ? keyOf(place.number) : keyOf(place.time);
    }
    bool before(const Candidate& a, const Candidate& b) const { return before(a.key, rows_[a.row].id, b); }
    bool before(uint64_t key, const engram_uuid& id, const Candidate& b) const {
        return key != b.key ? key < b.key : idBefore(id, rows_[b.row].id);
    }
    // Rows lie as they were written, which is near to most orders: gone through from the end that comes first, the first ones
    // are found early and the others are only compared. The i-th on that way:
    uint32_t row(uint32_t i) const { return descending_ ? rows() - 1 - i : i; }
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
    const std::vector<Row>& rows_;
    const uint32_t order_;
    const bool descending_;
};

// The first `capacity` of the rows it is offered. Twice as many are gathered before half of them is let go, so that a row
// costs the same however the rows come.
template <class Row>
class FirstRows {
public:
    FirstRows(const Order<Row>& order, size_t capacity) : order_(order), capacity_(capacity) {}

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

    const Order<Row>& order_;
    const size_t capacity_;
    std::vector<Candidate> kept_;
    std::optional<Candidate> bound_;  // the last of those kept: what comes after it is not among the first
};

}  // namespace engram::listing
