// apply(): reads what the batches touch under the tenant's lock, decides (apply_plan), writes all of it in one
// transaction. Three round trips whatever the number of batches. One thread a session.
#pragma once

#include "apply_plan.hpp"
#include "session.hpp"

#include <string>
#include <vector>

namespace engram::storage_postgres {

class Apply {
public:
    Apply(Session& session, const engram_uuid& tenant, const engram_batch* batches, size_t n);

    // On return all applied batches are committed. Throws PostgresError: none is, unless maybeCommitted(). False: there
    // is no such tenant.
    bool run();
    const std::vector<Applied>& results() const { return results_; }
    uint64_t lsn() const { return lsn_; }

    // The connection was lost after the COMMIT was sent and before its answer. Then what came of it is to be asked for
    // with another session.
    bool maybeCommitted() const { return commit_sent_; }
    enum class Fate { Committed, Lost, Unknown };
    // Waits for the tenant's lock, so for the end of the transaction where it still runs. Throws PostgresError.
    Fate fate(Session& another) const;

private:
    bool load(TenantState& state);
    void loadTouched(TenantState& state);
    void write(const ApplyPlan& plan);
    void writePurges(const ApplyPlan& plan);
    void writeRows(const ApplyPlan& plan);
    void writeVectors(const ApplyPlan& plan);
    void writeEdges(const ApplyPlan& plan);
    void writeKeysAndCounts(const ApplyPlan& plan);
    Parameters forTenant() const { return Parameters().add(tenant_); }

    Session& session_;
    const engram_uuid tenant_;
    const engram_batch* batches_;
    const size_t n_;
    engram_uuid nonce_;  // written with the tenant's LSN: tells whose write the newest is
    std::vector<Applied> results_;
    uint64_t lsn_ = 0;
    int64_t bytes_ = 0;
    bool commit_sent_ = false;
};

}  // namespace engram::storage_postgres
