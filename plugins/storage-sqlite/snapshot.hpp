// A tenant's file as a stream and back, and its removal. Throw SqliteError.
#pragma once

#include "tenant.hpp"

#include <engram/storage.h>

#include <string>

namespace engram::storage_sqlite {

// VACUUM INTO a file beside the tenant's, streamed and removed: consistent while writers go on, and defragmented; needs
// room for a second file meanwhile.
engram_status writeSnapshot(Tenant& tenant, const engram_sink& sink, uint64_t* lsn);

// Into a folder that does not exist yet; checked by SQLite before it takes its place, and synced.
engram_status readSnapshot(const std::string& folder, const engram_source& source);

void removeFolder(const std::string& folder);

}  // namespace engram::storage_sqlite
