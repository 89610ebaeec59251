// discover_tools: the one tool that is of the protocol and no operation. It tells of the tools that are not listed.
#pragma once

#include "json/json.hpp"
#include "mcp/tool.hpp"
#include "operations/caller.hpp"

#include <engram/cpp/result.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace engram::mcp {

inline constexpr std::string_view kDiscoverTools = "discover_tools";

// Its entry in `tools/list`.
std::string_view definitionOfDiscovery();

// Those within the caller's scopes, in the order of the table.
std::vector<const Tool*> toolsOf(const operations::Caller& caller, Listed listed);

// {"tools": [definition, …]}: the unlisted ones that have a word of `query` in name, title or description, those with more of
// its words first; all if it is left out. `arguments` as in the message, or nullptr. Errors: invalid_request, unknown_field.
Result<std::string> discoverTools(const json::Value* arguments, const operations::Caller& caller);

}  // namespace engram::mcp
