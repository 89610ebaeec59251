// Answers and problems as responses. Pure; any thread.
#pragma once

#include "http/message.hpp"
#include "operations/operation.hpp"
#include "pipeline/state.hpp"

#include <engram/cpp/result.hpp>

namespace engram::pipeline {

// Status and headers of the binding: ETag for one memory, Location for something new, RateLimit-* (draft-ietf-httpapi).
http::Response answerOf(const State& state, operations::Answer answer);

// RateLimit-* for a limit that is known.
void addRateLimit(http::Response& response, const RateLimit& rate_limit);

// The problem document with WWW-Authenticate, Allow and Retry-After where they belong.
http::Response problemOf(const State& state, const http::Request& request, const Error& error);

}  // namespace engram::pipeline
