#include "operations/domains.hpp"
#include "operations/memory_json.hpp"
#include "operations/roster.hpp"

namespace engram::operations {
namespace {

constexpr int kAttempts = 8;          // against others who change the same documents
constexpr size_t kKeysAtOnce = 900;   // of one transaction

void list(Services& services, const Invocation& call, Done done) {
    std::string body = "{\"members\":[";
    auto listed = eachDocument(services.tenancy.table, services.tenancy.self, ENGRAM_DOC_MEMBER, call.caller.tenant_id,
                               [&](const engram_doc& doc, const json::Value& member) {
                                   if (body.back() != '[') body += ',';
                                   body += memberJson(member, doc.version);
                               });
    if (!listed) return done(listed.error());
    done(Answer{body + "]}", 0, {}, {}});
}

bool lostRace(const Result<void>& applied) { return !applied && applied.error().code == "version_conflict"; }

Error busy(const std::string& user) {
    return {"version_conflict", "member '" + user + "' is being changed", "try again", ""};
}

Error mayNot(const char* what, Role role) {
    return {"permission_denied",
            std::string(what) + " the role " + std::string(nameOf(role)) + " needs a credential that may all it gives", "", ""};
}

// One attempt: an answer, or the Error "version_conflict" if somebody else was faster.
Result<Answer> setRole(Services& services, const Invocation& call, const std::string& user, Role role) {
    const std::string& tenant = call.caller.tenant_id;
    auto member = loadMember(services, tenant, user);
    if (!member) return member.error();
    const Role old = roleIn(member->document);
    if (!mayHandle(call.caller.scopes, old)) return mayNot("changing", old);
    if (!mayHandle(call.caller.scopes, role)) return mayNot("giving", role);
    const uint64_t expected = numberOr(call.input, "expected_version", member->version);
    const std::string before = memberJson(member->document, member->version);
    if (expected == member->version && old != role) {
        std::vector<DocumentChange> changes;
        if (old == Role::Owner) {
            auto tenant_change = withoutOwner(services, tenant, user);
            if (!tenant_change) return tenant_change.error();
            changes.push_back(std::move(*tenant_change));
        }
        setText(member->document, "role", nameOf(role));
        changes.push_back({ENGRAM_DOC_MEMBER, tenant, user, json::write(member->document), expected});
        auto applied = applyDocuments(services.tenancy.table, services.tenancy.self, changes, "member '" + user + "'");
        if (!applied) return applied.error();
        member = loadMember(services, tenant, user);
        if (!member) return member.error();
    } else if (expected != member->version) {
        return Error{"version_conflict", "member '" + user + "' has version " + std::to_string(member->version), "", ""};
    }
    const std::string after = memberJson(member->document, member->version);
    Answer answer{"{\"member\":" + after + "}", member->version, {}, {}};
    answer.audit = {user, before, after, {}, {}};
    return answer;
}

void update(Services& services, const Invocation& call, Done done) {
    const std::string user(textOr(call.input, "id", ""));
    const Role role = *roleOf(textOr(call.input, "role", ""));
    const bool expects = json::find(call.input, "expected_version") != nullptr;
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
        auto answer = setRole(services, call, user, role);
        if (answer || answer.error().code != "version_conflict" || expects) return done(std::move(answer));
    }
    done(busy(user));
}

void remove(Services& services, const Invocation& call, Done done) {
    const std::string user(textOr(call.input, "id", ""));
    const std::string& tenant = call.caller.tenant_id;
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
        auto member = loadMember(services, tenant, user);
        if (!member) return done(member.error());
        const Role role = roleIn(member->document);
        if (!mayHandle(call.caller.scopes, role)) return done(mayNot("removing a member with", role));
        std::vector<DocumentChange> changes;
        if (role == Role::Owner) {
            auto tenant_change = withoutOwner(services, tenant, user);
            if (!tenant_change) return done(tenant_change.error());
            changes.push_back(std::move(*tenant_change));
        }
        changes.push_back({ENGRAM_DOC_MEMBER, tenant, user, "", member->version});
        // In the same transaction, so that the keys do not come back with somebody who gets the same user id later.
        auto keys = revokedKeys(services, tenant, user, kKeysAtOnce);
        if (!keys) return done(keys.error());
        const size_t revoked = keys->size();
        std::move(keys->begin(), keys->end(), std::back_inserter(changes));
        auto applied = applyDocuments(services.tenancy.table, services.tenancy.self, changes, "member '" + user + "'");
        if (lostRace(applied)) continue;
        if (!applied) return done(applied.error());
        // More keys than fit into one transaction may do nothing by now: what they act for is gone.
        size_t more = revoked == kKeysAtOnce ? 1 : 0, total = revoked;
        for (int round = 0; more > 0 && round < kAttempts * 100; ++round) {
            auto rest = revokedKeys(services, tenant, user, kKeysAtOnce);
            if (!rest) return done(rest.error());
            more = rest->size();
            if (more > 0 && applyDocuments(services.tenancy.table, services.tenancy.self, *rest, "keys")) total += more;
        }
        Answer answer{"{\"member\":" + memberJson(member->document, member->version) +
                          ",\"keys_revoked\":" + std::to_string(total) + "}", 0, {}, {}};
        answer.audit = {user, memberJson(member->document, member->version),
                        "{\"keys_revoked\":" + std::to_string(total) + "}", {}, {}};
        return done(std::move(answer));
    }
    done(busy(user));
}

constexpr Operation kOperations[] = {
    {"member.list", "The tenant's members with their roles", "tenant:read", Lane::Blocking, Effect::Reads,
     Repeat::Idempotent, R"({"type": "object", "additionalProperties": false})",
     R"({"type": "object", "additionalProperties": false, "required": ["members"],
         "properties": {"members": {"type": "array", "items": {"$ref": "#/definitions/member"}}}})",
     &list},
    {"member.update", "Give a member another role; holds for the member's keys with the next request", "member:admin",
     Lane::Blocking, Effect::Writes, Repeat::Idempotent,
     R"({"type": "object", "additionalProperties": false, "required": ["id", "role"],
         "properties": {"id": {"type": "string"}, "role": {"$ref": "#/definitions/role"},
           "expected_version": {"type": "integer", "minimum": 1, "description": "Refuse with 409 if the member has another"}}})",
     R"({"type": "object", "additionalProperties": false, "required": ["member"],
         "properties": {"member": {"$ref": "#/definitions/member"}}})",
     &update, {"member", "id"}},
    {"member.remove", "Remove a member and revoke the keys that act for them", "member:admin", Lane::Blocking,
     Effect::Destroys, Repeat::Idempotent,
     R"({"type": "object", "additionalProperties": false, "required": ["id"], "properties": {"id": {"type": "string"}}})",
     R"({"type": "object", "additionalProperties": false, "required": ["member", "keys_revoked"],
         "properties": {"member": {"$ref": "#/definitions/member"}, "keys_revoked": {"type": "integer"}}})",
     &remove, {"member", "id"}},
};

}  // namespace

std::span<const Operation> memberOperations() { return kOperations; }

}  // namespace engram::operations
