// Usage events into the spool, before the reply; the request's log line and metrics. Any thread.
#pragma once

#include "http/message.hpp"
#include "pipeline/context.hpp"
#include "pipeline/state.hpp"

namespace engram::pipeline {

inline constexpr const char* kPluginRouteName = "plugin";
inline constexpr const char* kOpenRouteName = "open";
inline constexpr const char* kNoRouteName = "none";
inline constexpr const char* kMcpRouteName = "mcp";

// One usage event for the operation. Its id is minted here; a request id is only a log field.
void meter(Context& context, const State& state, const http::Request& request, int status,
           const operations::Usage& usage, size_t bytes_out);

// The access line and the counters of the request.
void record(Context& context, const State& state, const http::Request& request, int status, std::string_view error_code);
void recordOpen(Context& context, const http::Request& request, size_t route, int status);

}  // namespace engram::pipeline
