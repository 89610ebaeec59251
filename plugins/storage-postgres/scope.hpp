// A scope of the ABI over the rows of a SearchIndex, and its filter where memory has the fields. One thread, under the
// index's lock.
#pragma once

#include "search_index.hpp"

#include <engram/cpp/filter.hpp>

#include <vector>

namespace engram::storage_postgres {

// True if the filter asks for a field that is in the table alone.
bool needsRow(const engram_filter& filter);

class Scope {
public:
    Scope(const engram_scope& scope, const SearchIndex& index, uint64_t at);

    // Everything but the filter.
    bool holds(const RowFacts& row) const;
    // The filter too; for filters that need no row.
    bool passes(const RowFacts& row) const;
    bool rowsNeeded() const { return rows_needed_; }

private:
    const engram_scope& abi_;
    const SearchIndex& index_;
    const uint64_t at_;
    const bool rows_needed_;
    std::vector<uint32_t> workspaces_;
};

}  // namespace engram::storage_postgres
