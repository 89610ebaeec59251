// Which rows a read is about: those of a scope that a view sees. Lives under the tenant's shared index lock, and uses the
// view's connection for fields that are not in memory. One thread.
#pragma once

#include "conditions.hpp"
#include "tenant.hpp"

#include <engram/storage.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace engram::storage_sqlite {

class ScopedRows {
public:
    ScopedRows(const engram_scope& scope, Tenant& tenant, Connection& db, uint64_t at);

    // Live in the view, of the kind, in one of the workspaces.
    bool holds(uint32_t place) const {
        return newest_ ? wanted_groups_[facts_.groupOf()[place]] != 0 : heldAt(facts_.rows()[place]);
    }
    // And passing the filter. Throws SqliteError.
    bool passes(uint32_t place) { return holds(place) && (scope_.filter.n_nodes == 0 || passesNode(0, place)); }
    // passes() costs a few instructions for any row.
    bool passesCheaply();
    // Of all that it holds; the filter does not count.
    Totals totals() const;
    uint64_t countIn(const TermPostings& postings) const;

private:
    bool heldAt(const RowFacts& row) const;
    bool wants(uint32_t workspace, uint32_t kind) const;
    bool passesNode(size_t index, uint32_t place);
    Condition& condition(size_t index);

    const engram_scope& scope_;
    Tenant& tenant_;
    const Facts& facts_;
    Connection& db_;
    const uint64_t at_;
    const bool newest_;  // the view is of the newest state: groups tell all
    std::vector<uint32_t> workspaces_;
    std::vector<uint8_t> wanted_groups_;
    std::vector<std::optional<Condition>> conditions_;  // by node
};

}  // namespace engram::storage_sqlite
