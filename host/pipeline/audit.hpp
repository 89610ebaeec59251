// The audit stage: what became of an operation that changes the control plane, told to the audit trail. Does nothing for
// other operations, and where no plugin takes audit events. Any thread.
#pragma once

#include "http/message.hpp"
#include "pipeline/context.hpp"
#include "pipeline/state.hpp"

#include <engram/cpp/result.hpp>

namespace engram::pipeline {

// Before the operation runs: refuses it if its event could not be kept.
Result<void> readyToAudit(Context& context, const operations::Operation& operation);

// After it was done, before the answer: returns when the event is on the disk.
Result<void> auditChange(Context& context, const State& state, const http::Request& request,
                         const operations::Operation& operation, int status, const operations::AuditNote& note);

void auditRefusal(Context& context, const State& state, const http::Request& request,
                  const operations::Operation& operation, int status, std::string_view error_code);

}  // namespace engram::pipeline
