#include "operations/issued_key.hpp"

#include "operations/control_plane.hpp"
#include "operations/memory_json.hpp"

namespace engram::operations {

Error keyNotFound(std::string_view id) { return {"key_not_found", "no key '" + std::string(id) + "'", "", "/id"}; }

void writeKey(json::Writer& out, const json::Value& document) {
    out.StartObject();
    for (const char* name : {"id", "name", "prefix"}) writeMember(out, name, textOr(document, name, ""));
    out.Key("scopes");
    out.StartArray();
    if (const json::Value* scopes = json::find(document, "scopes"); scopes && scopes->IsArray())
        for (const auto& scope : scopes->GetArray()) writeText(out, json::view(scope));
    out.EndArray();
    for (const char* name : {"created_at", "created_by"}) writeMember(out, name, textOr(document, name, ""));
    for (const char* name : {"member_id", "expires_at", "revoked_at", "last_used_at", "replaced_by"}) {
        out.Key(name);
        const std::string_view text = textOr(document, name, "");
        if (text.empty()) out.Null();
        else writeText(out, text);
    }
    out.EndObject();
}

std::string keyJson(const json::Value& document) {
    json::Buffer buffer;
    json::Writer out(buffer);
    writeKey(out, document);
    return {buffer.GetString(), buffer.GetSize()};
}

std::string withKey(std::string object, const json::Value* document) {
    if (document) object.insert(object.size() - 1, ",\"key\":" + keyJson(*document));
    return object;
}

void writeIssuedKey(json::Writer& out, const IssuedKey& key) {
    writeMember(out, "secret", key.secret);
    out.Key("key");
    writeKey(out, key.document);
}

Result<IssuedKey> issueKey(Services& services, const KeyRequest& request) {
    std::vector<engram_str> scopes;
    for (const std::string& scope : request.scopes) scopes.push_back(borrow(scope));
    engram_issue_request abi{};
    abi.size = sizeof abi;
    abi.kind = ENGRAM_CREDENTIAL_BEARER;
    abi.tenant = borrow(request.tenant);
    abi.name = borrow(request.name);
    abi.created_by = borrow(request.created_by);
    abi.scopes = scopes.data();
    abi.n_scopes = scopes.size();
    abi.expires_at = request.expires_at;
    abi.replaces = borrow(request.replaces);
    abi.overlap_ms = request.overlap_ms;
    abi.environment = borrow(request.environment);
    abi.member_id = borrow(request.member);
    for (const auto& auth : services.auth) {
        if (!ENGRAM_HAS(engram_auth_v1, auth.table, issue) || !auth.table->issue) continue;
        ArenaCall arena;
        arena.setTenant(request.tenant);
        arena.setSubject(request.created_by);
        engram_issued issued{};
        issued.size = sizeof issued;
        const engram_status status = auth.table->issue(auth.self, arena, &abi, &issued);
        if (status == ENGRAM_PASS) continue;
        if (status == ENGRAM_NOT_FOUND) return keyNotFound(request.replaces);
        if (status != ENGRAM_OK) return controlPlaneError(status, arena, "key");
        auto document = json::parse(view(issued.document));
        if (!document) return document.error();
        return IssuedKey{std::string(view(issued.secret)), std::move(*document)};
    }
    return Error{"not_implemented", "no auth plugin of this server makes keys", "add auth-apikey to the configuration", ""};
}

}  // namespace engram::operations
