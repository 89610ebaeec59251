#include "json/json.hpp"
#include "operations/memory_json.hpp"
#include "pipeline/stages.hpp"

#include <unordered_map>

namespace engram::pipeline {
namespace {

using operations::Role;

constexpr std::string_view kLocalOwner = "local:owner";

// Roles as last seen by this thread, true as long as the control plane's epoch has not moved.
struct RoleCache {
    static constexpr size_t kMax = 4096;
    uint64_t epoch = 0;
    std::unordered_map<std::string, Role> entries;
};

struct Lookup {
    engram_status status;
    Role role = Role::Viewer;
};

Lookup lookUp(Context& context, State& state, std::string_view member) {
    thread_local RoleCache cache;
    const uint64_t epoch = context.tenancy.table->epoch(context.tenancy.self);
    if (cache.epoch != epoch || cache.entries.size() > RoleCache::kMax) {
        cache.entries.clear();
        cache.epoch = epoch;
    }
    std::string name = state.caller.tenant_id;
    name += '\0';
    name += member;
    if (auto it = cache.entries.find(name); it != cache.entries.end()) return {ENGRAM_OK, it->second};
    engram_doc doc{};
    doc.size = sizeof doc;
    const engram_status status = context.tenancy.table->member(context.tenancy.self, state.call,
                                                               borrow(state.caller.tenant_id), borrow(member), &doc);
    if (status != ENGRAM_OK) return {status};
    auto document = json::parse(view(doc.json));
    // A role that is not known gives what the least one gives.
    const Role role = document ? operations::roleOf(operations::textOr(*document, "role", "")).value_or(Role::Viewer) : Role::Viewer;
    cache.entries.emplace(std::move(name), role);
    return {ENGRAM_OK, role};
}

}  // namespace

Step checkMembership(Context& context, const http::Request& request, State& state) {
    const bool local = request.peer().kind == http::Peer::Kind::LocalSocket;
    if (!state.must_be_member && !local) return Flow::Next;
    const std::string_view own = state.member_id.empty() ? state.caller.subject : state.member_id;
    const std::string_view member = local ? kLocalOwner : own;
    const Lookup found = lookUp(context, state, member);
    if (found.status == ENGRAM_AGAIN) return Flow::Lane;
    if (found.status == ENGRAM_OK) {
        state.caller.member = member;
        // Who owns the machine needs no role; a credential may no more than the member it acts for.
        if (!local && found.role != Role::Owner) state.caller.scopes = operations::restrictedTo(found.role, state.caller.scopes);
        return Flow::Next;
    }
    if (found.status == ENGRAM_NOT_FOUND && local) return Flow::Next;
    // The answer for an unknown tenant: who is no member must not learn that it exists.
    if (found.status == ENGRAM_NOT_FOUND)
        return Error{"tenant_not_found", "no tenant '" + state.caller.tenant_slug + "' for this credential", "", ""};
    return Error{"unavailable", "the control plane does not answer", "", ""};
}

}  // namespace engram::pipeline
