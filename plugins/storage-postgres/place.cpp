#include "place.hpp"

#include <cmath>
#include <cstring>

namespace engram::storage_postgres {
namespace {

constexpr char kDigits[] = "0123456789abcdef";
constexpr std::string_view kMagic = "p1";

// "p1", then in hex: order, direction, absent, number, time, id.
struct Packed {
    uint8_t order, descending, absent;
    uint8_t number[8], time[8], id[16];
};
static_assert(sizeof(Packed) == 35);

std::string hex(const Packed& packed) {
    std::string out;
    const auto* bytes = reinterpret_cast<const unsigned char*>(&packed);
    for (size_t i = 0; i < sizeof packed; ++i) {
        out += kDigits[bytes[i] >> 4];
        out += kDigits[bytes[i] & 15];
    }
    return out;
}

bool unhex(std::string_view text, Packed& packed) {
    if (text.size() != 2 * sizeof packed) return false;
    auto* bytes = reinterpret_cast<unsigned char*>(&packed);
    for (size_t i = 0; i < sizeof packed; ++i) {
        const char* high = std::char_traits<char>::find(kDigits, 16, text[2 * i]);
        const char* low = std::char_traits<char>::find(kDigits, 16, text[2 * i + 1]);
        if (!high || !low) return false;
        bytes[i] = static_cast<unsigned char>((high - kDigits) << 4 | (low - kDigits));
    }
    return true;
}

}  // namespace

engram_time timeOf(const RowFacts& row, uint32_t order) {
    return order == ENGRAM_ORDER_UPDATED ? row.updated_at : order == ENGRAM_ORDER_OCCURRED ? row.occurred_at : row.created_at;
}

Place placeOf(const RowFacts& row, uint32_t order) {
    if (order == ENGRAM_ORDER_IMPORTANCE) return {false, row.importance, 0, row.id};
    const engram_time time = timeOf(row, order);
    return {time == ENGRAM_TIME_NONE, 0, time == ENGRAM_TIME_NONE ? 0 : time, row.id};
}

std::string cursorOf(const Place& place, const engram_list_query& query) {
    Packed packed{};
    packed.order = static_cast<uint8_t>(query.order);
    packed.descending = query.descending != 0;
    packed.absent = place.absent;
    std::memcpy(packed.number, &place.number, sizeof packed.number);
    std::memcpy(packed.time, &place.time, sizeof packed.time);
    std::memcpy(packed.id, place.id.bytes, sizeof packed.id);
    return std::string(kMagic) + hex(packed);
}

std::optional<Place> readCursor(std::string_view text, const engram_list_query& query) {
    Packed packed{};
    if (!text.starts_with(kMagic) || !unhex(text.substr(kMagic.size()), packed)) return std::nullopt;
    if (packed.order != query.order || packed.descending != (query.descending != 0) || packed.absent > 1) return std::nullopt;
    Place place;
    place.absent = packed.absent != 0;
    std::memcpy(&place.number, packed.number, sizeof packed.number);
    std::memcpy(&place.time, packed.time, sizeof packed.time);
    std::memcpy(place.id.bytes, packed.id, sizeof packed.id);
    if (std::isnan(place.number)) return std::nullopt;
    return place;
}

}  // namespace engram::storage_postgres
