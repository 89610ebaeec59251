// Tenants: the caller's own, and for the operator of the server all of them.
#include "operations/control_plane.hpp"
#include "operations/domains.hpp"
#include "operations/issued_key.hpp"
#include "operations/memory_json.hpp"
#include "operations/roster.hpp"

#include <algorithm>

namespace engram::operations {
namespace {

constexpr int kAttempts = 8;

std::string tenantJson(const json::Value& tenant, uint64_t version) {
    json::Buffer buffer;
    json::Writer out(buffer);
    out.StartObject();
    for (const char* name : {"id", "slug", "name", "status", "plan", "owner_user_id", "created_at"})
        writeMember(out, name, textOr(tenant, name, ""));
    out.Key("version");
    out.Uint64(version);
    out.EndObject();
    return {buffer.GetString(), buffer.GetSize()};
}

Result<StoredDocument> loadTenant(Services& services, const std::string& key, By by) {
    auto found = findDocument(services.tenancy.table, services.tenancy.self, ENGRAM_DOC_TENANT, "", key, by);
    if (!found) return found.error();
    if (!*found) return Error{"tenant_not_found", "no tenant '" + key + "'", "see engram tenant list", ""};
    return std::move(**found);
}

Result<void> checkPlan(Services& services, const std::string& plan) {
    auto found = findDocument(services.tenancy.table, services.tenancy.self, ENGRAM_DOC_PLAN, "", plan, By::Id);
    if (!found) return found.error();
    if (*found) return {};
    std::string known;
    (void)eachDocument(services.tenancy.table, services.tenancy.self, ENGRAM_DOC_PLAN, "",
                       [&](const engram_doc& doc, const json::Value&) {
                           known += (known.empty() ? "" : ", ") + std::string(view(doc.id));
                       });
    return Error{"invalid_value", "unknown plan '" + plan + "'", "the plans are " + known, "/plan"};
}

// Reads the tenant, changes it and stores it; once more if somebody else was faster, unless a version was asked for.
template <class Change>
Result<Answer> changeTenant(Services& services, const Invocation& call, const std::string& key, By by, Change&& change) {
    const bool expects = json::find(call.input, "expected_version") != nullptr;
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
        auto tenant = loadTenant(services, key, by);
        if (!tenant) return tenant.error();
        if (expects && numberOr(call.input, "expected_version", 0) != tenant->version)
            return Error{"version_conflict", "the tenant has version " + std::to_string(tenant->version), "", ""};
        const std::string before = tenantJson(tenant->document, tenant->version);
        change(tenant->document);
        auto stored = applyDocuments(
            services.tenancy.table, services.tenancy.self,
            {{ENGRAM_DOC_TENANT, "", tenant->id, json::write(tenant->document), tenant->version}}, "tenant '" + key + "'");
        if (!stored && stored.error().code == "version_conflict" && !expects) continue;
        if (!stored) return stored.error();
        const std::string after = tenantJson(tenant->document, tenant->version + 1);
        Answer answer{"{\"tenant\":" + after + "}", tenant->version + 1, {}, {}};
        answer.audit = {tenant->id, before, after, tenant->id, {}};
        return answer;
    }
    return Error{"version_conflict", "tenant '" + key + "' is being changed", "try again", ""};
}

void update(Services& services, const Invocation& call, Done done) {
    done(changeTenant(services, call, call.caller.tenant_id, By::Id,
                      [&](json::Document& tenant) { setText(tenant, "name", textOr(call.input, "name", "")); }));
}

void list(Services& services, const Invocation& call, Done done) {
    const auto limit = static_cast<uint32_t>(numberOr(call.input, "limit", 100));
    std::string body = "{\"tenants\":[";
    auto next = pageOfDocuments(services.tenancy.table, services.tenancy.self, ENGRAM_DOC_TENANT, "",
                                std::string(textOr(call.input, "cursor", "")), limit,
                                [&](const engram_doc& doc, const json::Value& tenant) {
                                    if (body.back() != '[') body += ',';
                                    body += tenantJson(tenant, doc.version);
                                });
    if (!next) return done(next.error());
    body += "],\"next_cursor\":" + (next->empty() ? "null" : "\"" + *next + "\"") + "}";
    done(Answer{std::move(body), 0, {}, {}});
}

std::string newTenant(const Invocation& call, const std::string& id, const std::string& owner, const std::string& plan) {
    json::Buffer buffer;
    json::Writer out(buffer);
    out.StartObject();
    writeMember(out, "id", id);
    writeMember(out, "slug", textOr(call.input, "slug", ""));
    writeMember(out, "name", textOr(call.input, "name", textOr(call.input, "slug", "")));
    writeMember(out, "status", "active");
    writeMember(out, "owner_user_id", owner);
    writeMember(out, "plan", plan);
    out.EndObject();
    return {buffer.GetString(), buffer.GetSize()};
}

void create(Services& services, const Invocation& call, Done done) {
    const std::string owner(textOr(call.input, "owner", "local:owner"));
    const std::string plan(textOr(call.input, "plan", call.caller.plan));
    if (auto known = checkPlan(services, plan); !known) return done(known.error());
    const std::string id = services.new_id();
    const std::string slug(textOr(call.input, "slug", ""));
    auto made = applyDocuments(services.tenancy.table, services.tenancy.self,
                               {{ENGRAM_DOC_TENANT, "", id, newTenant(call, id, owner, plan), 0},
                                {ENGRAM_DOC_MEMBER, id, owner, memberDocument(id, owner, Role::Owner, ""), 0}},
                               "tenant '" + slug + "'");
    if (!made) return done(made.error());
    KeyRequest request;
    request.tenant = id;
    request.name = "first key";
    request.created_by = call.caller.subject;
    request.member = owner;
    request.scopes = {"*"};
    auto key = issueKey(services, request);
    if (!key && key.error().code != "not_implemented") return done(key.error());
    auto tenant = loadTenant(services, id, By::Id);
    if (!tenant) return done(tenant.error());
    const std::string shown = tenantJson(tenant->document, tenant->version);
    json::Buffer buffer;
    json::Writer out(buffer);
    out.StartObject();
    out.Key("tenant");
    out.RawValue(shown.data(), shown.size(), rapidjson::kObjectType);
    if (key) {
        writeIssuedKey(out, *key);
    } else {
        out.Key("secret");
        out.Null();
        out.Key("key");
        out.Null();
    }
    out.EndObject();
    Answer answer{{buffer.GetString(), buffer.GetSize()}, 0, {}, {}};
    answer.audit = {id, {}, withKey(shown, key ? &key->document : nullptr), id, {}};
    done(std::move(answer));
}

void configure(Services& services, const Invocation& call, Done done) {
    const std::string slug(textOr(call.input, "slug", ""));
    const std::string_view status = textOr(call.input, "status", ""), plan = textOr(call.input, "plan", "");
    if (status.empty() && plan.empty())
        return done(Error{"invalid_request", "neither status nor plan is given", "send at least one of them", ""});
    if (status == "suspended" && slug == call.caller.tenant_slug)
        return done(Error{"own_tenant", "tenant '" + slug + "' is the one you act in, and nobody could activate it again", "", ""});
    if (!plan.empty())
        if (auto known = checkPlan(services, std::string(plan)); !known) return done(known.error());
    done(changeTenant(services, call, slug, By::Name, [&](json::Document& tenant) {
        if (!status.empty()) setText(tenant, "status", status);
        if (!plan.empty()) setText(tenant, "plan", plan);
    }));
}

#define ENGRAM_TENANT                                                                  \
    R"({"type": "object", "additionalProperties": false, "required": ["tenant"],)"     \
    R"("properties": {"tenant": {"$ref": "#/definitions/tenant"}}})"

constexpr Operation kOperations[] = {
    {"tenant.update", "Rename the tenant of the credential", "tenant:admin", Lane::Blocking, Effect::Writes, Repeat::Idempotent,
     R"({"type": "object", "additionalProperties": false, "required": ["name"],
         "properties": {"name": {"type": "string", "minLength": 1, "maxLength": 128},
           "expected_version": {"type": "integer", "minimum": 1, "description": "Refuse with 409 if the tenant has another"}}})",
     ENGRAM_TENANT, &update, {"tenant", ""}},
    {"tenant.list", "Every tenant of the server, page by page", "operator", Lane::Blocking, Effect::Reads, Repeat::Idempotent,
     R"({"type": "object", "additionalProperties": false,
         "properties": {"limit": {"type": "integer", "minimum": 1, "maximum": 1000}, "cursor": {"type": "string", "maxLength": 64}}})",
     R"({"type": "object", "additionalProperties": false, "required": ["tenants", "next_cursor"],
         "properties": {"tenants": {"type": "array", "items": {"$ref": "#/definitions/tenant"}},
                        "next_cursor": {"type": ["string", "null"]}}})",
     &list},
    {"tenant.create", "Make a tenant, its owner and the owner's first key, which is shown this once", "operator", Lane::Blocking,
     Effect::Writes, Repeat::NotIdempotent,
     R"({"type": "object", "additionalProperties": false, "required": ["slug"],
         "properties": {"slug": {"type": "string", "minLength": 1, "maxLength": 40, "description": "Lower-case letters, digits and inner hyphens"},
           "name": {"type": "string", "minLength": 1, "maxLength": 128},
           "owner": {"type": "string", "minLength": 1, "maxLength": 255, "description": "User id; local:owner, who runs the server, if not given"},
           "plan": {"type": "string", "minLength": 1, "maxLength": 64, "description": "That of your own tenant if not given"}}})",
     R"({"type": "object", "additionalProperties": false, "required": ["tenant", "secret", "key"],
         "properties": {"tenant": {"$ref": "#/definitions/tenant"}, "secret": {"type": ["string", "null"]},
                        "key": {"anyOf": [{"$ref": "#/definitions/key"}, {"type": "null"}]}}})",
     &create, {"tenant", "slug"}},
    {"tenant.configure", "Suspend a tenant, activate it again, or give it another plan", "operator", Lane::Blocking, Effect::Writes,
     Repeat::Idempotent,
     R"({"type": "object", "additionalProperties": false, "required": ["slug"],
         "properties": {"slug": {"type": "string"}, "status": {"type": "string", "enum": ["active", "suspended"]},
           "plan": {"type": "string", "minLength": 1, "maxLength": 64},
           "expected_version": {"type": "integer", "minimum": 1, "description": "Refuse with 409 if the tenant has another"}}})",
     ENGRAM_TENANT, &configure, {"tenant", "slug"}},
};

}  // namespace

std::span<const Operation> tenantOperations() { return kOperations; }

}  // namespace engram::operations
