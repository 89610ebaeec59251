// A tenant as a stream of bytes, and back: every row of its tables in PostgreSQL's binary form.
#pragma once

#include "session.hpp"

#include <engram/storage.h>

namespace engram::storage_postgres {

// Of one snapshot of the database, which stays open as long as the sink takes. Throws PostgresError.
engram_status writeSnapshot(Session& session, const engram_uuid& tenant, const engram_sink& sink, uint64_t* lsn);

// All or nothing. ALREADY_EXISTS if the tenant is there, INVALID_ARGUMENT for bytes that are not a snapshot of this
// plugin, else the source's status. Throws PostgresError.
engram_status readSnapshot(Session& session, const engram_uuid& tenant, const engram_source& source);

// Removes every row of the tenant, in one transaction. False: there was none.
bool eraseTenant(Session& session, const engram_uuid& tenant);

}  // namespace engram::storage_postgres
