// check(): a tenant's rows read through in one snapshot of the database, some at a time, while others write. One thread.
#pragma once

#include "session.hpp"

namespace engram::storage_postgres {

// False: there is no such tenant. Throws PostgresError, of the kind damaged() for the first thing found that apply() cannot
// have written: what does not decode or is none that may be stored, histories with gaps or without an end, rows of LSNs that
// are not reached, vectors without a row or a space, what a purge took, counters that do not count what is there.
bool checkTenant(Session& session, const engram_uuid& tenant);

}  // namespace engram::storage_postgres
