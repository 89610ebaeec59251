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
    // The filter too, as far as memory tells: where the filter needs the row, a row that may pass has to be asked. What rows
    // share (type, workspace, tags) is decided once. Throws PostgresError for tags that are damaged.
    bool mayPass(const RowFacts& row);

private:
    enum class Verdict : uint8_t { Undecided, No, Yes };
    Verdict node(size_t index, const RowFacts& row);
    Verdict condition(size_t index, const RowFacts& row);

    const engram_scope& abi_;
    const SearchIndex& index_;
    const uint64_t at_;
    std::vector<uint32_t> workspaces_;
    std::vector<std::vector<Verdict>> decided_;  // a condition's, by number of what rows share; of others empty
};

}  // namespace engram::storage_postgres
