#include "operations/roster.hpp"

#include "engine/time.hpp"
#include "operations/memory_json.hpp"

namespace engram::operations {

std::string memberDocument(const std::string& tenant, const std::string& user, Role role, const std::string& email) {
    json::Buffer buffer;
    json::Writer out(buffer);
    out.StartObject();
    writeMember(out, "tenant_id", tenant);
    writeMember(out, "user_id", user);
    writeMember(out, "role", nameOf(role));
    if (!email.empty()) writeMember(out, "email", email);
    out.EndObject();
    return {buffer.GetString(), buffer.GetSize()};
}

Result<StoredDocument> loadMember(Services& services, const std::string& tenant, const std::string& user) {
    auto found = findDocument(services.tenancy.table, services.tenancy.self, ENGRAM_DOC_MEMBER, tenant, user, By::Id);
    if (!found) return found.error();
    if (!*found) return Error{"member_not_found", "no member '" + user + "'", "", "/id"};
    return std::move(**found);
}

Role roleIn(const json::Value& member) { return roleOf(textOr(member, "role", "")).value_or(Role::Viewer); }

Result<DocumentChange> withoutOwner(Services& services, const std::string& tenant, const std::string& user) {
    auto found = findDocument(services.tenancy.table, services.tenancy.self, ENGRAM_DOC_TENANT, "", tenant, By::Id);
    if (!found) return found.error();
    if (!*found) return Error{"tenant_not_found", "no tenant '" + tenant + "'", "", ""};
    std::string other;
    auto listed = eachDocument(services.tenancy.table, services.tenancy.self, ENGRAM_DOC_MEMBER, tenant,
                               [&](const engram_doc& doc, const json::Value& member) {
                                   if (roleIn(member) == Role::Owner && view(doc.id) != user && other.empty())
                                       other = view(doc.id);
                               });
    if (!listed) return listed.error();
    if (other.empty()) return Error{"last_owner", "'" + user + "' is the tenant's last owner", "", ""};
    StoredDocument& document = **found;
    if (textOr(document.document, "owner_user_id", "") == user) setText(document.document, "owner_user_id", other);
    return DocumentChange{ENGRAM_DOC_TENANT, "", tenant, json::write(document.document), document.version};
}

Result<std::vector<DocumentChange>> revokedKeys(Services& services, const std::string& tenant, const std::string& user,
                                                size_t limit) {
    std::vector<DocumentChange> changes;
    const std::string now = engine::formatTime(services.now());
    auto listed = eachDocument(services.tenancy.table, services.tenancy.self, ENGRAM_DOC_API_KEY, tenant,
                               [&](const engram_doc& doc, const json::Value& key) {
                                   if (changes.size() >= limit || textOr(key, "member_id", "") != user ||
                                       !textOr(key, "revoked_at", "").empty())
                                       return;
                                   json::Document document;
                                   document.CopyFrom(key, document.GetAllocator());
                                   setText(document, "revoked_at", now);
                                   changes.push_back({ENGRAM_DOC_API_KEY, tenant, std::string(view(doc.id)),
                                                      json::write(document), doc.version});
                               });
    if (!listed) return listed.error();
    return changes;
}

std::string memberJson(const json::Value& member, uint64_t version) {
    json::Buffer buffer;
    json::Writer out(buffer);
    out.StartObject();
    for (const char* name : {"user_id", "role"}) writeMember(out, name, textOr(member, name, ""));
    out.Key("email");
    const std::string_view email = textOr(member, "email", "");
    if (email.empty()) out.Null();
    else writeText(out, email);
    for (const char* name : {"created_at", "updated_at"}) writeMember(out, name, textOr(member, name, ""));
    out.Key("version");
    out.Uint64(version);
    out.EndObject();
    return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace engram::operations
