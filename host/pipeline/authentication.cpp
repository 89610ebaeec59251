#include "pipeline/audit_trail.hpp"
#include "pipeline/stages.hpp"

#include <cctype>

namespace engram::pipeline {
namespace {

Step localOwner(State& state) {
    state.caller.subject = "local:owner";
    state.caller.scopes = {"*", std::string(operations::kOperator)};
    return Flow::Next;
}

// The token of `Authorization: Bearer <token>`, empty if the header is absent or of another scheme.
std::string_view bearerToken(std::string_view header) {
    constexpr std::string_view kScheme = "bearer ";
    if (header.size() < kScheme.size()) return {};
    for (size_t i = 0; i < kScheme.size(); ++i)
        if (std::tolower(static_cast<unsigned char>(header[i])) != kScheme[i]) return {};
    header.remove_prefix(kScheme.size());
    while (header.starts_with(' ')) header.remove_prefix(1);
    while (header.ends_with(' ')) header.remove_suffix(1);
    return header;
}

void collectChallenges(Context& context, State& state) {
    for (const auto& plugin : context.auth) {
        if (!ENGRAM_HAS(engram_auth_v1, plugin.table, challenge) || !plugin.table->challenge) continue;
        engram_str challenge{};
        if (plugin.table->challenge(plugin.self, state.call, &challenge) == ENGRAM_OK)
            state.challenges.emplace_back(view(challenge));
    }
    if (state.challenges.empty()) state.challenges.emplace_back("Bearer realm=\"engram\"");
}

Error refused(Context& context, const http::Request& request, State& state, std::string_view reason) {
    const bool expired = reason.find("expired") != std::string_view::npos;
    const bool revoked = reason.find("revoked") != std::string_view::npos;
    const char* code = expired ? "key_expired" : revoked ? "key_revoked" : "unauthenticated";
    context.metrics.authFailure(code);
    if (context.audit && !reason.empty()) context.audit->authenticationFailed(request.client(), code);
    if (request.peer().kind != http::Peer::Kind::LocalSocket)
        context.peers.pay(request.client(), PeerBuckets::Clock::now());
    collectChallenges(context, state);
    return {code, reason.empty() ? "no valid credential was sent" : std::string(reason), "", ""};
}

void adopt(State& state, const engram_principal& principal) {
    state.caller.subject = view(principal.subject);
    state.caller.credential_id = view(principal.credential_id);
    state.bound_tenant = view(principal.tenant);
    state.must_be_member = principal.member != 0;
    state.member_id = view(principal.member_id);
    state.caller.scopes.reserve(principal.n_scopes);
    for (size_t i = 0; i < principal.n_scopes; ++i) state.caller.scopes.emplace_back(view(principal.scopes[i]));
}

}  // namespace

Step authenticate(Context& context, const http::Request& request, State& state) {
    if (request.peer().kind == http::Peer::Kind::LocalSocket) return localOwner(state);
    const std::string_view token = bearerToken(request.header("authorization"));
    if (token.empty()) return refused(context, request, state, "");

    engram_credential credential{};
    credential.size = sizeof credential;
    credential.kind = ENGRAM_CREDENTIAL_BEARER;
    credential.value = borrow(token);
    credential.tenant_hint = borrow(request.header("x-engram-tenant"));
    credential.peer = borrow(request.client());
    for (const auto& plugin : context.auth) {
        engram_principal principal{};
        principal.size = sizeof principal;
        const engram_status status = plugin.table->authenticate(plugin.self, state.call, &credential, &principal);
        switch (status) {
            case ENGRAM_OK: adopt(state, principal); return Flow::Next;
            case ENGRAM_PASS: continue;
            case ENGRAM_AGAIN: return Flow::Lane;
            case ENGRAM_UNAUTHENTICATED: return refused(context, request, state, state.call.message());
            case ENGRAM_PERMISSION_DENIED: return Error{"permission_denied", state.call.message(), "", ""};
            case ENGRAM_RESOURCE_EXHAUSTED:
                context.metrics.authFailure("rate_limited");
                state.rate_limit.retry_after_ms = 60000;
                return Error{"rate_limited", "too many failed attempts", "", ""};
            default:
                // A broken auth plugin must not let anybody in.
                return Error{"unavailable", "authentication is not available at the moment", "", ""};
        }
    }
    return refused(context, request, state, "no auth plugin knows this kind of credential");
}

}  // namespace engram::pipeline
