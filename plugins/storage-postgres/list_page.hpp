// Which rows come first in a list. Costs a pass over the facts in memory, and memory for twice the rows that are asked for.
// No state; call under the index's lock, under which the scope was made.
#pragma once

#include "scope.hpp"

#include <engram/cpp/list_order.hpp>

#include <optional>
#include <vector>

namespace engram::storage_postgres {

struct ListedRow {
    uint64_t rid = 0;
    listing::Place place;
};

// In the order of the list, at most `most`, which is not 0: fewer are all there are after `after`. Where the filter needs
// rows, those that may pass.
std::vector<ListedRow> firstRows(const engram_list_query& query, const SearchIndex& index, Scope& scope,
                                 const std::optional<listing::Place>& after, size_t most);

}  // namespace engram::storage_postgres
