// The stages of a request's first half, a file each, in the order of the pipeline. All are [io or lane thread].
#pragma once

#include "http/message.hpp"
#include "pipeline/context.hpp"
#include "pipeline/state.hpp"

namespace engram::pipeline {

// Limits for strangers: a peer that keeps failing to authenticate, or uses routes without a credential, pays here.
Step admit(Context& context, const http::Request& request, State& state);

// Who asks: the local socket's owner, or the first auth plugin whose answer is not PASS.
Step authenticate(Context& context, const http::Request& request, State& state);

// For which tenant: named by the credential, the host name or X-Engram-Tenant; all that are present must agree.
Step resolveTenant(Context& context, const http::Request& request, State& state);

// Is the subject a member, and the tenant active.
Step checkMembership(Context& context, const http::Request& request, State& state);

// The tenant's request bucket.
Step payRequest(Context& context, const http::Request& request, State& state);

// Reserves the cost of a route with every quota plugin; releases what was reserved when a later one refuses.
Step reserve(Context& context, State& state, std::string_view route);
// Tells the quota plugins what the reservations really cost. Idempotent.
void settle(State& state, std::string_view route);

}  // namespace engram::pipeline
