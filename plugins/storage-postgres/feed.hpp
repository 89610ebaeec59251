// changes(): versions, edges and purges of a tenant in the order of their LSNs.
#pragma once

#include "session.hpp"

#include <engram/storage.h>

namespace engram::storage_postgres {

// At most `limit` changes after an LSN and up to `upto`. Sets *pushed once a change was handed out: then the read must
// not be tried again. Throws PostgresError.
engram_status pushChanges(Session& session, const engram_uuid& tenant, uint64_t after, uint64_t upto, uint32_t limit,
                          const engram_changes& sink, bool* pushed);

}  // namespace engram::storage_postgres
