// The filter language over one record: the reference for what record.h means. Pure functions; any thread.
#pragma once

#include <string>

#include "stored.hpp"

namespace engram::storage_memory {

// Empty, or why the filter is malformed (a child that does not come after its parent, an unknown operator …).
std::string complaint(const engram_filter& filter);

// `filter` has no complaint.
bool passes(const engram_filter& filter, const Version& version);

bool inScope(const engram_scope& scope, const Version& version);

}  // namespace engram::storage_memory
