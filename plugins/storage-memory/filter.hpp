// A version's fields for the filter language of the SDK. Pure functions; any thread.
#pragma once

#include <engram/cpp/filter.hpp>

#include "stored.hpp"

namespace engram::storage_memory {

// `filter` has no complaint (engram::filter::complaint).
bool passes(const engram_filter& filter, const Version& version);

bool inScope(const engram_scope& scope, const Version& version);

}  // namespace engram::storage_memory
