#include "operations/control_plane.hpp"
#include "operations/domains.hpp"
#include "operations/memory_json.hpp"
#include "operations/services.hpp"

#include "engine/time.hpp"

#include <algorithm>

namespace engram::operations {
namespace {

constexpr uint64_t kDefaultOverlapSeconds = 24 * 3600;

// The document as clients see it: never the hash.
void writeKey(json::Writer& out, const json::Value& document) {
    out.StartObject();
    for (const char* name : {"id", "name", "prefix"}) writeMember(out, name, textOr(document, name, ""));
    out.Key("scopes");
    out.StartArray();
    if (const json::Value* scopes = json::find(document, "scopes"); scopes && scopes->IsArray())
        for (const auto& scope : scopes->GetArray()) writeText(out, json::view(scope));
    out.EndArray();
    for (const char* name : {"created_at", "created_by"}) writeMember(out, name, textOr(document, name, ""));
    for (const char* name : {"expires_at", "revoked_at", "last_used_at", "replaced_by"}) {
        out.Key(name);
        const std::string_view text = textOr(document, name, "");
        if (text.empty()) out.Null();
        else writeText(out, text);
    }
    out.EndObject();
}

Error keyNotFound(std::string_view id) { return {"key_not_found", "no key '" + std::string(id) + "'", "", "/id"}; }

struct Stored {
    json::Document document;
    uint64_t version;
};

Result<Stored> load(Services& services, const std::string& tenant, std::string_view id) {
    ArenaCall call;
    call.setTenant(tenant);
    engram_doc doc{};
    doc.size = sizeof doc;
    const engram_status status = services.tenancy.table->get(services.tenancy.self, call, ENGRAM_DOC_API_KEY,
                                                             borrow(tenant), borrow(id), 0, &doc);
    if (status == ENGRAM_NOT_FOUND || (status == ENGRAM_OK && view(doc.tenant) != tenant)) return keyNotFound(id);
    if (status != ENGRAM_OK) return controlPlaneError(status, call, "key");
    auto value = json::parse(view(doc.json));
    if (!value) return value.error();
    return Stored{std::move(*value), doc.version};
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

Result<std::string> issue(Services& services, const Invocation& call, const engram_issue_request& request) {
    for (const auto& auth : services.auth) {
        if (!ENGRAM_HAS(engram_auth_v1, auth.table, issue) || !auth.table->issue) continue;
        ArenaCall arena;
        arena.setTenant(call.caller.tenant_id);
        arena.setSubject(call.caller.subject);
        engram_issued issued{};
        issued.size = sizeof issued;
        const engram_status status = auth.table->issue(auth.self, arena, &request, &issued);
        if (status == ENGRAM_PASS) continue;
        if (status == ENGRAM_NOT_FOUND) return keyNotFound(view(request.replaces));
        if (status != ENGRAM_OK) return controlPlaneError(status, arena, "key");
        auto document = json::parse(view(issued.document));
        if (!document) return document.error();
        json::Buffer buffer;
        json::Writer out(buffer);
        out.StartObject();
        writeMember(out, "secret", view(issued.secret));
        out.Key("key");
        writeKey(out, *document);
        out.EndObject();
        return std::string(buffer.GetString(), buffer.GetSize());
    }
    return Error{"not_implemented", "no auth plugin of this server makes keys", "add auth-apikey to the configuration", ""};
}

void create(Services& services, const Invocation& call, Done done) {
    std::vector<std::string> scopes;
    if (const json::Value* given = json::find(call.input, "scopes"))
        for (const auto& scope : given->GetArray()) scopes.emplace_back(json::view(scope));
    else scopes = {"memory:read", "memory:write", "memory:delete"};
    if (auto allowed = checkScopes(call.caller, scopes); !allowed) return done(allowed.error());
    auto expires = readTime(call.input, "expires_at", "");
    if (!expires) return done(expires.error());
    if (*expires && **expires && ***expires <= services.now())
        return done(Error{"invalid_value", "expires_at is in the past", "choose a later time, or leave it out", "/expires_at"});

    std::vector<engram_str> spans;
    for (const std::string& scope : scopes) spans.push_back(borrow(scope));
    engram_issue_request request{};
    request.size = sizeof request;
    request.kind = ENGRAM_CREDENTIAL_BEARER;
    request.tenant = borrow(call.caller.tenant_id);
    request.name = borrow(textOr(call.input, "name", "key"));
    request.created_by = borrow(call.caller.subject);
    request.scopes = spans.data();
    request.n_scopes = spans.size();
    request.expires_at = *expires && **expires ? ***expires : ENGRAM_TIME_NONE;
    request.environment = borrow(textOr(call.input, "environment", "live"));
    auto made = issue(services, call, request);
    if (!made) return done(made.error());
    done(Answer{std::move(*made), 0, {}, {}});
}

void rotate(Services& services, const Invocation& call, Done done) {
    const std::string id(textOr(call.input, "id", ""));
    auto old = load(services, call.caller.tenant_id, id);
    if (!old) return done(old.error());
    std::vector<std::string> scopes;
    if (const json::Value* given = json::find(old->document, "scopes"); given && given->IsArray())
        for (const auto& scope : given->GetArray()) scopes.emplace_back(json::view(scope));
    if (auto allowed = checkScopes(call.caller, scopes); !allowed) return done(allowed.error());
    std::vector<engram_str> spans;
    for (const std::string& scope : scopes) spans.push_back(borrow(scope));
    engram_issue_request request{};
    request.size = sizeof request;
    request.kind = ENGRAM_CREDENTIAL_BEARER;
    request.tenant = borrow(call.caller.tenant_id);
    request.name = borrow(textOr(old->document, "name", "key"));
    request.created_by = borrow(call.caller.subject);
    request.scopes = spans.data();
    request.n_scopes = spans.size();
    request.expires_at = ENGRAM_TIME_NONE;
    if (auto expires = engine::parseTime(textOr(old->document, "expires_at", ""))) request.expires_at = *expires;
    request.replaces = borrow(id);
    request.overlap_ms = numberOr(call.input, "overlap_seconds", kDefaultOverlapSeconds) * 1000;
    request.environment = textOr(old->document, "prefix", "").starts_with("egm_test_") ? borrow("test") : borrow("live");
    auto made = issue(services, call, request);
    if (!made) return done(made.error());
    done(Answer{std::move(*made), 0, {}, {}});
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
    auto stored = load(services, call.caller.tenant_id, id);
    if (!stored) return done(stored.error());
    json::Document& document = stored->document;
    if (textOr(document, "revoked_at", "").empty()) {
        document.RemoveMember("revoked_at");
        document.AddMember("revoked_at", json::copy(engine::formatTime(services.now()), document.GetAllocator()),
                           document.GetAllocator());
        const std::string text = json::write(document);
        engram_doc_change change{};
        change.size = sizeof change;
        change.kind = ENGRAM_DOC_API_KEY;
        change.tenant = borrow(call.caller.tenant_id);
        change.id = borrow(id);
        change.json = borrow(text);
        change.expected = stored->version;
        ArenaCall arena;
        arena.setTenant(call.caller.tenant_id);
        uint64_t epoch = 0;
        const engram_status status =
            services.tenancy.table->apply(services.tenancy.self, arena, &change, 1, &epoch);
        if (status != ENGRAM_OK) return done(controlPlaneError(status, arena, "key"));
    }
    json::Buffer buffer;
    json::Writer out(buffer);
    out.StartObject();
    out.Key("key");
    writeKey(out, document);
    out.EndObject();
    done(Answer{{buffer.GetString(), buffer.GetSize()}, 0, {}, {}});
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
           "expires_at": {"$ref": "#/definitions/time_or_null"},
           "environment": {"type": "string", "enum": ["live", "test"]}}})",
     R"({"$ref": "#/definitions/issued_key"})", &create},
    {"key.rotate", "Replace a key; the old one stays valid for the overlap", "key:admin", Lane::Blocking,
     Effect::Writes, Repeat::NotIdempotent,
     R"({"type": "object", "additionalProperties": false, "required": ["id"],
         "properties": {"id": {"type": "string"},
           "overlap_seconds": {"type": "integer", "minimum": 0, "maximum": 604800, "description": "86400 if not given"}}})",
     R"({"$ref": "#/definitions/issued_key"})", &rotate},
    {"key.revoke", "Make a key invalid at once", "key:admin", Lane::Blocking, Effect::Destroys, Repeat::Idempotent,
     R"({"type": "object", "additionalProperties": false, "required": ["id"], "properties": {"id": {"type": "string"}}})",
     R"({"type": "object", "additionalProperties": false, "required": ["key"],
         "properties": {"key": {"$ref": "#/definitions/key"}}})",
     &revoke},
};

}  // namespace

std::span<const Operation> keyOperations() { return kOperations; }

}  // namespace engram::operations
