// apply(): batches in one transaction, a savepoint each. Runs under the tenant's writer_mutex, when it is ready to write.
#pragma once

#include "tenant.hpp"

#include <engram/storage.h>

#include <string>
#include <vector>

namespace engram::storage_sqlite {

struct Applied {
    uint32_t outcome = ENGRAM_APPLY_DONE;
    uint64_t lsn = 0, first_lsn = 0, current_version = 0, current_count = 0, count_before = 0;
    uint32_t failed_op = 0, failed_limit = 0;
    std::string message, answer;
};

// All applied batches are on disk on return. Throws SqliteError: none is applied. After a purge readers are waited for until
// the deadline.
std::vector<Applied> applyBatches(Tenant& tenant, const engram_batch* batches, size_t n, Deadline deadline);

}  // namespace engram::storage_sqlite
