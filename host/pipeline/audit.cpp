#include "pipeline/audit.hpp"

#include "operations/memory_json.hpp"
#include "pipeline/audit_trail.hpp"

namespace engram::pipeline {
namespace {

bool concerns(const Context& context, const operations::Operation& operation) {
    return context.audit && !operation.audited.kind.empty();
}

AuditEntry entryOf(const State& state, const http::Request& request, const operations::Operation& operation, int status) {
    AuditEntry entry;
    entry.tenant = state.caller.tenant_id;
    entry.subject = state.caller.subject;
    entry.operation = operation.name;
    entry.status = status;
    entry.request_id = request.id();
    entry.credential_id = state.caller.credential_id;
    entry.peer = request.peer().kind == http::Peer::Kind::LocalSocket ? std::string_view("local") : request.client();
    entry.target_kind = operation.audited.kind;
    if (!operation.audited.member.empty()) entry.target = operations::textOr(state.input, operation.audited.member, "");
    return entry;
}

}  // namespace

Result<void> readyToAudit(Context& context, const operations::Operation& operation) {
    return concerns(context, operation) ? context.audit->ready() : Result<void>();
}

Result<void> auditChange(Context& context, const State& state, const http::Request& request,
                         const operations::Operation& operation, int status, const operations::AuditNote& note) {
    if (!concerns(context, operation)) return {};
    AuditEntry entry = entryOf(state, request, operation, status);
    if (!note.tenant.empty()) entry.tenant = note.tenant;
    if (!note.subject.empty()) entry.subject = note.subject;
    if (!note.target.empty()) entry.target = note.target;
    entry.before = note.before;
    entry.after = note.after;
    return context.audit->changed(entry);
}

void auditRefusal(Context& context, const State& state, const http::Request& request,
                  const operations::Operation& operation, int status, std::string_view error_code) {
    if (!concerns(context, operation)) return;
    // Whoever tries tokens is like whoever tries keys: counted, not listed.
    if (operation.scope.empty()) {
        if (status != 400) context.audit->authenticationFailed(request.client(), error_code);
        return;
    }
    // A request that is malformed tried nothing; one that failed here is an error of the server's.
    const bool attempt = status == 402 || status == 403 || status == 404 || status == 409;
    if (!attempt || state.caller.tenant_id.empty()) return;
    AuditEntry entry = entryOf(state, request, operation, status);
    entry.error_code = error_code;
    context.audit->refused(entry);
}

}  // namespace engram::pipeline
