// Which rows stand on a page of a list, and the cursor to the next one. A page costs a pass over the facts in memory, a
// second one where a filter left it unfilled, and memory for a few times its limit. No state, any thread.
#pragma once

#include "scoped_rows.hpp"

#include <optional>
#include <string>
#include <vector>

namespace engram::storage_sqlite {

struct ListPage {
    std::vector<uint64_t> rids;  // in the order of the list
    std::string next;            // cursor; empty: there is no more
};

// Nothing if the query's cursor is not one of its order and direction. Throws SqliteError. Call under the shared index
// lock, under which `scope`, the query's own, was made.
std::optional<ListPage> listPage(const engram_list_query& query, const Facts& facts, ScopedRows& scope);

}  // namespace engram::storage_sqlite
