// The limits of a tenant's plan with what is used of them: the quota plugins tell the limits, the host counts what is
// stored. Any thread; may block.
#pragma once

#include "operations/caller.hpp"
#include "operations/services.hpp"

#include <engram/cpp/result.hpp>

#include <string>

namespace engram::operations {

// A JSON array of #/definitions/limit.
Result<std::string> planLimitsJson(Services& services, const Caller& caller);

}  // namespace engram::operations
