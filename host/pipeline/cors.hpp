// Cross-origin requests of web pages (the Fetch standard, "CORS protocol"): an allow-list of exact origins.
//
// Keys travel in Authorization, never in cookies, so pages are not given credentials. Any thread.
#pragma once

#include "http/exchange.hpp"
#include "pipeline/context.hpp"

#include <string_view>

namespace engram::pipeline {

bool mayCall(const Context& context, std::string_view origin);

// Puts what the page may see into the answer to come, whoever gives it; Vary for every request, since caches must not
// give one origin's answer to another.
void addCorsHeaders(const Context& context, http::Exchange& exchange);

// A browser asking whether it may send a request.
bool isPreflight(const http::Request& request);
// 204 with what is allowed, without a credential; 403 for an origin that is not on the list. The peer's bucket pays.
void answerPreflight(Context& context, http::Exchange exchange);

}  // namespace engram::pipeline
