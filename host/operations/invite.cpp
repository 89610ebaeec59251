#include "operations/domains.hpp"
#include "operations/invite_token.hpp"
#include "operations/issued_key.hpp"
#include "operations/memory_json.hpp"
#include "operations/roster.hpp"

#include "engine/time.hpp"

#include <algorithm>

namespace engram::operations {
namespace {

constexpr uint64_t kDefaultTtlSeconds = 7 * 24 * 3600;
constexpr uint64_t kMaxInvites = 10000;
constexpr int kAttempts = 8;

const engram_tenancy_v1* table(Services& services) { return services.tenancy.table; }

std::string stateOf(const json::Value& invite, int64_t now) {
    if (!textOr(invite, "accepted_at", "").empty()) return "accepted";
    const auto expires = engine::parseTime(textOr(invite, "expires_at", ""));
    return expires && *expires > now ? "open" : "expired";
}

// Never the hash of the token.
std::string inviteJson(const json::Value& invite, int64_t now) {
    json::Buffer buffer;
    json::Writer out(buffer);
    out.StartObject();
    for (const char* name : {"id", "email", "role"}) writeMember(out, name, textOr(invite, name, ""));
    writeMember(out, "state", stateOf(invite, now));
    for (const char* name : {"invited_by", "created_at", "expires_at"}) writeMember(out, name, textOr(invite, name, ""));
    out.Key("accepted_at");
    const std::string_view accepted = textOr(invite, "accepted_at", "");
    if (accepted.empty()) out.Null();
    else writeText(out, accepted);
    out.EndObject();
    return {buffer.GetString(), buffer.GetSize()};
}

// Enough to be written to: the mail server knows the rest (RFC 5321, 4.5.3.1 for the lengths).
Result<std::string> readEmail(std::string_view text) {
    std::string email(text);
    std::transform(email.begin(), email.end(), email.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; });
    const size_t at = email.find('@');
    const bool plain = std::all_of(email.begin(), email.end(), [](unsigned char c) { return c > 0x20 && c != 0x7F; });
    if (!plain || at == 0 || at == std::string::npos || at + 1 == email.size() || email.find('@', at + 1) != std::string::npos ||
        at > 64 || email.size() > 254)
        return Error{"invalid_value", "'" + email.substr(0, 64) + "' is no e-mail address", "write name@domain", "/email"};
    return email;
}

Result<void> notYetMember(Services& services, const std::string& tenant, const std::string& email) {
    bool taken = false;
    auto listed = eachDocument(table(services), services.tenancy.self, ENGRAM_DOC_MEMBER, tenant,
                               [&](const engram_doc& doc, const json::Value& member) {
                                   taken = taken || textOr(member, "email", "") == email || view(doc.id) == email;
                               });
    if (!listed) return listed;
    if (taken) return Error{"already_exists", "'" + email + "' is a member already", "see engram member list", "/email"};
    return {};
}

std::string inviteDocument(const Invocation& call, const std::string& id, const std::string& email, Role role,
                           const std::string& hash, int64_t now) {
    const int64_t expires = now + static_cast<int64_t>(numberOr(call.input, "ttl_seconds", kDefaultTtlSeconds)) * 1000;
    json::Buffer buffer;
    json::Writer out(buffer);
    out.StartObject();
    writeMember(out, "id", id);
    writeMember(out, "tenant_id", call.caller.tenant_id);
    writeMember(out, "email", email);
    writeMember(out, "role", nameOf(role));
    writeMember(out, "token_hash", hash);
    writeMember(out, "expires_at", engine::formatTime(expires));
    writeMember(out, "invited_by", call.caller.member.empty() ? call.caller.subject : call.caller.member);
    writeMember(out, "created_at", engine::formatTime(now));
    out.EndObject();
    return {buffer.GetString(), buffer.GetSize()};
}

// An invite for an address that has one takes its place: what was sent before is worth nothing then.
Result<Answer> invite(Services& services, const Invocation& call, const std::string& email, Role role) {
    const std::string& tenant = call.caller.tenant_id;
    auto before = findDocument(table(services), services.tenancy.self, ENGRAM_DOC_INVITE, tenant, email, By::Name);
    if (!before) return before.error();
    // Of an id of its own, so that a token of the invite that is replaced finds nothing.
    const std::string id = services.new_id();
    auto token = mintInviteToken(id);
    if (!token) return token.error();
    const int64_t now = services.now();
    std::vector<DocumentChange> changes;
    if (*before) changes.push_back({ENGRAM_DOC_INVITE, tenant, (*before)->id, "", (*before)->version});
    const std::string document = inviteDocument(call, id, email, role, inviteTokenHash(*token), now);
    changes.push_back({ENGRAM_DOC_INVITE, tenant, id, document, 0, kMaxInvites});
    if (auto made = applyDocuments(table(services), services.tenancy.self, changes, "invite for '" + email + "'"); !made)
        return made.error();
    auto parsed = json::parse(document);
    if (!parsed) return parsed.error();
    json::Buffer buffer;
    json::Writer out(buffer);
    out.StartObject();
    writeMember(out, "token", *token);
    const std::string shown = inviteJson(*parsed, now);
    out.Key("invite");
    out.RawValue(shown.data(), shown.size(), rapidjson::kObjectType);
    out.EndObject();
    Answer answer{{buffer.GetString(), buffer.GetSize()}, 0, {}, {}};
    answer.audit = {id, *before ? inviteJson((*before)->document, now) : std::string(), shown, {}, {}};
    return answer;
}

void create(Services& services, const Invocation& call, Done done) {
    auto email = readEmail(textOr(call.input, "email", ""));
    if (!email) return done(email.error());
    const Role role = *roleOf(textOr(call.input, "role", "member"));
    if (!mayHandle(call.caller.scopes, role))
        return done(Error{"permission_denied",
                          "inviting with the role " + std::string(nameOf(role)) + " needs a credential that may all it gives", "", ""});
    if (auto free = notYetMember(services, call.caller.tenant_id, *email); !free) return done(free.error());
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
        auto answer = invite(services, call, *email, role);
        const bool raced = !answer && (answer.error().code == "version_conflict" || answer.error().code == "already_exists");
        if (!raced) return done(std::move(answer));
    }
    done(Error{"version_conflict", "the invite for '" + *email + "' is being changed", "try again", ""});
}

void list(Services& services, const Invocation& call, Done done) {
    std::string body = "{\"invites\":[";
    auto listed = eachDocument(table(services), services.tenancy.self, ENGRAM_DOC_INVITE, call.caller.tenant_id,
                               [&](const engram_doc&, const json::Value& document) {
                                   if (body.back() != '[') body += ',';
                                   body += inviteJson(document, services.now());
                               });
    if (!listed) return done(listed.error());
    done(Answer{body + "]}", 0, {}, {}});
}

void revoke(Services& services, const Invocation& call, Done done) {
    const std::string id(textOr(call.input, "id", ""));
    auto found = findDocument(table(services), services.tenancy.self, ENGRAM_DOC_INVITE, call.caller.tenant_id, id, By::Id);
    if (!found) return done(found.error());
    if (!*found) return done(Error{"invite_not_found", "no invite '" + id + "'", "see engram invite list", "/id"});
    const std::string shown = inviteJson((*found)->document, services.now());
    const Role role = roleIn((*found)->document);
    if (!mayHandle(call.caller.scopes, role))
        return done(Error{"permission_denied", "an invite as " + std::string(nameOf(role)) + " is not yours to revoke", "", ""});
    auto removed = applyDocuments(table(services), services.tenancy.self,
                                  {{ENGRAM_DOC_INVITE, call.caller.tenant_id, id, "", (*found)->version}}, "invite '" + id + "'");
    if (!removed) return done(removed.error());
    Answer answer{"{\"invite\":" + shown + "}", 0, {}, {}};
    answer.audit = {id, shown, {}, {}, {}};
    done(std::move(answer));
}

constexpr Operation kOperations[] = {
    {"invite.create", "Invite somebody; the token is shown this once, an earlier invite for the address ends", "member:admin",
     Lane::Blocking, Effect::Writes, Repeat::NotIdempotent,
     R"({"type": "object", "additionalProperties": false, "required": ["email"],
         "properties": {"email": {"type": "string", "minLength": 3, "maxLength": 254},
           "role": {"type": "string", "enum": ["owner", "admin", "member", "viewer"], "description": "member if not given"},
           "ttl_seconds": {"type": "integer", "minimum": 60, "maximum": 7776000, "description": "604800 (7 days) if not given"}}})",
     R"({"type": "object", "additionalProperties": false, "required": ["token", "invite"],
         "properties": {"token": {"type": "string", "description": "What the invited person accepts with; shown this once"},
           "invite": {"$ref": "#/definitions/invite"}}})",
     &create, {"invite", "email"}},
    {"invite.list", "Invites that are open, accepted or expired, without their tokens", "member:admin", Lane::Blocking,
     Effect::Reads, Repeat::Idempotent, R"({"type": "object", "additionalProperties": false})",
     R"({"type": "object", "additionalProperties": false, "required": ["invites"],
         "properties": {"invites": {"type": "array", "items": {"$ref": "#/definitions/invite"}}}})",
     &list},
    {"invite.revoke", "Take an invite back", "member:admin", Lane::Blocking, Effect::Destroys, Repeat::Idempotent,
     R"({"type": "object", "additionalProperties": false, "required": ["id"], "properties": {"id": {"type": "string"}}})",
     R"({"type": "object", "additionalProperties": false, "required": ["invite"],
         "properties": {"invite": {"$ref": "#/definitions/invite"}}})",
     &revoke, {"invite", "id"}},
};

}  // namespace

std::span<const Operation> inviteOperations() { return kOperations; }

}  // namespace engram::operations
