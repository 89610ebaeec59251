// Reading the past: which LSN was the newest at a time, and what time an LSN is of. By the times that the host's clock gave
// the changes; a clock that was set back makes what it wrote meanwhile count as written with what came before. Any thread.
#pragma once

#include "engine/storage.hpp"

#include <cstdint>
#include <optional>

namespace engram::engine {

// The last LSN at or before a time (milliseconds); 0: nothing was there yet. invalid_value with the pointer /as_of if the
// tenant's feed does not reach back that far.
Result<uint64_t> lsnAt(const StorageBinding& storage, ArenaCall& call, uint64_t db, int64_t time);

// When the newest change at an LSN was made; nothing if the feed no longer knows, or nothing was there yet.
Result<std::optional<int64_t>> timeOf(const StorageBinding& storage, ArenaCall& call, uint64_t db, uint64_t lsn);

}  // namespace engram::engine
