#include "operations/control_plane.hpp"
#include "operations/domains.hpp"
#include "operations/issued_key.hpp"
#include "operations/memory_json.hpp"
#include "operations/services.hpp"

#include "engine/time.hpp"

#include <algorithm>

namespace engram::operations {
namespace {

constexpr uint64_t kDefaultOverlapSeconds = 24 * 3600;
constexpr int kAttempts = 8;

Result<StoredDocument> load(Services& services, const std::string& tenant, std::string_view id) {
    auto found = findDocument(services.tenancy.table, services.tenancy.self, ENGRAM_DOC_API_KEY, tenant, id, By::Id);
    if (!found) return found.error();
    if (!*found) return keyNotFound(id);
    return std::move(**found);
}

Result<void> checkScopes(const Caller& caller, const std::vector<std::string>& scopes) {
    for (const std::string& scope : scopes) {
        const bool known = scope == "*" || std::find(std::begin(kScopes), std::end(kScopes), scope) != std::end(kScopes);
        if (!known) {
            std::string all = "*";
            for (std::string_view s : kScopes) all += ", " + std::string(s);
            return Error{"invalid_value", "unknown scope '" + scope + "'", "the scopes are " + all, "/scopes"};
        }
        if (!caller.may(scope))
            return Error{"permission_denied", "a key cannot be given the scope '" + scope + "' that its maker lacks", "",
                         "/scopes"};
    }
    return {};
}

Answer answerOf(const IssuedKey& key, std::string before) {
    json::Buffer buffer;
    json::Writer out(buffer);
    out.StartObject();
    writeIssuedKey(out, key);
    out.EndObject();
    Answer answer{{buffer.GetString(), buffer.GetSize()}, 0, {}, {}};
    answer.audit = {std::string(textOr(key.document, "id", "")), std::move(before), keyJson(key.document), {}, {}};
    return answer;
}

std::vector<std::string> scopesIn(const json::Value& object) {
    std::vector<std::string> scopes;
    if (const json::Value* given = json::find(object, "scopes"); given && given->IsArray())
        for (const auto& scope : given->GetArray()) scopes.emplace_back(json::view(scope));
    return scopes;
}

void create(Services& services, const Invocation& call, Done done) {
    KeyRequest request;
    request.tenant = call.caller.tenant_id;
    request.name = textOr(call.input, "name", "key");
    request.created_by = call.caller.subject;
    request.member = call.caller.member;
    request.scopes = scopesIn(call.input);
    if (const auto mode = modeOf(textOr(call.input, "mode", ""))) {
        if (!request.scopes.empty())
            return done(Error{"invalid_request", "mode and scopes exclude each other", "send one of them", "/mode"});
        const auto scopes = scopesOf(*mode);
        request.scopes = {scopes.begin(), scopes.end()};
    }
    if (request.scopes.empty()) request.scopes = {"memory:read", "memory:write", "memory:delete"};
    request.environment = textOr(call.input, "environment", "live");
    if (auto allowed = checkScopes(call.caller, request.scopes); !allowed) return done(allowed.error());
    auto expires = readTime(call.input, "expires_at", "");
    if (!expires) return done(expires.error());
    if (*expires && **expires) request.expires_at = ***expires;
    if (request.expires_at != ENGRAM_TIME_NONE && request.expires_at <= services.now())
        return done(Error{"invalid_value", "expires_at is in the past", "choose a later time, or leave it out", "/expires_at"});
    auto made = issueKey(services, request);
    if (!made) return done(made.error());
    done(answerOf(*made, {}));
}

void rotate(Services& services, const Invocation& call, Done done) {
    const std::string id(textOr(call.input, "id", ""));
    auto old = load(services, call.caller.tenant_id, id);
    if (!old) return done(old.error());
    KeyRequest request;
    request.tenant = call.caller.tenant_id;
    request.name = textOr(old->document, "name", "key");
    request.created_by = call.caller.subject;
    request.member = textOr(old->document, "member_id", "");
    request.scopes = scopesIn(old->document);
    if (auto allowed = checkScopes(call.caller, request.scopes); !allowed) return done(allowed.error());
    if (auto expires = engine::parseTime(textOr(old->document, "expires_at", ""))) request.expires_at = *expires;
    request.replaces = id;
    request.overlap_ms = numberOr(call.input, "overlap_seconds", kDefaultOverlapSeconds) * 1000;
    request.environment = textOr(old->document, "prefix", "").starts_with("egm_test_") ? "test" : "live";
    auto made = issueKey(services, request);
    if (!made) return done(made.error());
    done(answerOf(*made, keyJson(old->document)));
}

void list(Services& services, const Invocation& call, Done done) {
    json::Buffer buffer;
    json::Writer out(buffer);
    out.StartObject();
    out.Key("keys");
    out.StartArray();
    auto listed = eachDocument(services.tenancy.table, services.tenancy.self, ENGRAM_DOC_API_KEY,
                               call.caller.tenant_id,
                               [&](const engram_doc&, const json::Value& value) { writeKey(out, value); });
    if (!listed) return done(listed.error());
    out.EndArray();
    out.EndObject();
    done(Answer{{buffer.GetString(), buffer.GetSize()}, 0, {}, {}});
}

void revoke(Services& services, const Invocation& call, Done done) {
    const std::string id(textOr(call.input, "id", ""));
    // A key in use is written to once a minute (last_used_at): whoever loses to that reads again.
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
        auto stored = load(services, call.caller.tenant_id, id);
        if (!stored) return done(stored.error());
        json::Document& document = stored->document;
        const std::string before = keyJson(document);
        if (textOr(document, "revoked_at", "").empty()) {
            setText(document, "revoked_at", engine::formatTime(services.now()));
            auto revoked = applyDocuments(
                services.tenancy.table, services.tenancy.self,
                {{ENGRAM_DOC_API_KEY, call.caller.tenant_id, id, json::write(document), stored->version}}, "key");
            if (!revoked && revoked.error().code == "version_conflict") continue;
            if (!revoked) return done(revoked.error());
        }
        Answer answer{"{\"key\":" + keyJson(document) + "}", 0, {}, {}};
        answer.audit = {id, before, keyJson(document), {}, {}};
        return done(std::move(answer));
    }
    done(Error{"version_conflict", "key '" + id + "' is being changed", "try again", ""});
}

constexpr Operation kOperations[] = {
    {"key.list", "The tenant's API keys, without their secrets", "key:admin", Lane::Blocking, Effect::Reads,
     Repeat::Idempotent, R"({"type": "object", "additionalProperties": false})",
     R"({"type": "object", "additionalProperties": false, "required": ["keys"],
         "properties": {"keys": {"type": "array", "items": {"$ref": "#/definitions/key"}}}})",
     &list},
    {"key.create", "Make an API key; its secret is shown this once", "key:admin", Lane::Blocking, Effect::Writes,
     Repeat::NotIdempotent,
     R"({"type": "object", "additionalProperties": false, "required": ["name"],
         "properties": {"name": {"type": "string", "minLength": 1, "maxLength": 128},
           "scopes": {"type": "array", "minItems": 1, "maxItems": 64, "items": {"type": "string"},
                      "description": "memory:read, memory:write and memory:delete if not given"},
           "mode": {"type": "string", "enum": ["read_only", "scoped_write", "maintenance", "admin"],
                    "description": "Instead of scopes, those of the mode"},
           "expires_at": {"$ref": "#/definitions/time_or_null"},
           "environment": {"type": "string", "enum": ["live", "test"]}}})",
     R"({"$ref": "#/definitions/issued_key"})", &create, {"key", "name"}},
    {"key.rotate", "Replace a key; the old one stays valid for the overlap", "key:admin", Lane::Blocking,
     Effect::Writes, Repeat::NotIdempotent,
     R"({"type": "object", "additionalProperties": false, "required": ["id"],
         "properties": {"id": {"type": "string"},
           "overlap_seconds": {"type": "integer", "minimum": 0, "maximum": 604800, "description": "86400 if not given"}}})",
     R"({"$ref": "#/definitions/issued_key"})", &rotate, {"key", "id"}},
    {"key.revoke", "Make a key invalid at once", "key:admin", Lane::Blocking, Effect::Destroys, Repeat::Idempotent,
     R"({"type": "object", "additionalProperties": false, "required": ["id"], "properties": {"id": {"type": "string"}}})",
     R"({"type": "object", "additionalProperties": false, "required": ["key"],
         "properties": {"key": {"$ref": "#/definitions/key"}}})",
     &revoke, {"key", "id"}},
};

}  // namespace

std::span<const Operation> keyOperations() { return kOperations; }

}  // namespace engram::operations
