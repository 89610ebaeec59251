// Calls to the tenancy plugin with its statuses made into Errors. Any thread; may block.
#pragma once

#include "json/json.hpp"

#include <engram/cpp/arena_call.hpp>
#include <engram/cpp/result.hpp>
#include <engram/tenancy.h>

#include <functional>
#include <string>
#include <string_view>

namespace engram::operations {

// The Error for what a control-plane call returned; `what` names the thing asked for.
Error controlPlaneError(engram_status status, const ArenaCall& call, std::string_view what);

// Calls `each` for every document of a kind in a tenant, page by page.
Result<void> eachDocument(const engram_tenancy_v1* table, void* self, uint32_t kind, const std::string& tenant,
                          const std::function<void(const engram_doc&, const json::Value&)>& each);

}  // namespace engram::operations
