// /mcp: MCP's Streamable HTTP over the stages of the pipeline (revision 2025-11-25 and before, and 2026-07-28).
//
// A POST holds one message, or a batch; each tools/call in it is an operation with a scope, a quota, a usage event and a
// log line of its own. Answers are application/json; there are no streams and nothing is kept between two requests. Any
// thread.
#pragma once

#include "http/exchange.hpp"
#include "pipeline/context.hpp"
#include "pipeline/state.hpp"

namespace engram::pipeline {

inline constexpr std::string_view kMcpPath = "/mcp";

// Before anything else is done with a request: Host and Origin. True if the exchange was refused and answered.
bool refuseForeign(Context& context, http::Exchange& exchange);

// What the header section says that the endpoint cannot serve: method_not_allowed, not_acceptable,
// unsupported_media_type, invalid_request (its query). For callers that are known.
Result<void> checkMcpHeaders(const http::Request& request);

// Answers a request whose body is complete. [lane]
void answerMcp(Context& context, http::Exchange exchange);

}  // namespace engram::pipeline
