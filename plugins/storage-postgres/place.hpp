// A record's place in an order, and the cursor that names it. Pure.
#pragma once

#include "search_index.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace engram::storage_postgres {

// Absent times last both ways, ties by id in the direction of the order.
struct Place {
    bool absent = false;
    double number = 0;
    int64_t time = 0;
    engram_uuid id{};
};

engram_time timeOf(const RowFacts& row, uint32_t order);  // for the orders by a time
Place placeOf(const RowFacts& row, uint32_t order);
std::string cursorOf(const Place& place, const engram_list_query& query);
// Nothing if the text is not a cursor of this order and direction.
std::optional<Place> readCursor(std::string_view text, const engram_list_query& query);

}  // namespace engram::storage_postgres
