// One operation of a request, whichever binding brought it: scope, reservation, the operation itself, settlement.
//
// What it costs and may do belongs to the operation, so REST and every call of an MCP message come through here. Audit
// event, metering and the log line belong to the binding, which knows what was answered. Any thread.
#pragma once

#include "pipeline/context.hpp"
#include "pipeline/state.hpp"

#include <functional>
#include <memory>

namespace engram::pipeline {

using Performed = std::function<void(Result<operations::Answer>)>;

// Performs the operation of state.match.route with state.input, which is valid. Goes to a lane by itself where the
// operation or a plugin would block. `state` and `idempotency_key` stay alive until `done` has been called: once, on any
// thread, perhaps before this returns. Want of memory is an answer as well: out_of_memory. `pin` keeps `context` until nothing of
// this call uses it any more, which may be later than `done`.
void perform(Context& context, State& state, std::string_view idempotency_key, Performed done,
             std::shared_ptr<const void> pin = nullptr);

}  // namespace engram::pipeline
