// invite.accept: the one operation for somebody who has no credential yet.
#include "operations/domains.hpp"
#include "operations/invite_token.hpp"
#include "operations/issued_key.hpp"
#include "operations/memory_json.hpp"
#include "operations/roster.hpp"

#include "engine/time.hpp"

#include <algorithm>

namespace engram::operations {
namespace {

// Names of the host's own; "key:" and "user:" begin the subjects of credentials.
constexpr std::string_view kReserved[] = {"local:", "key:", "user:", "invite:"};

struct Found {
    StoredDocument invite;
    std::string tenant, slug, email;
    Role role;
};

Error unknownToken() { return {"invite_not_found", "the token is not one of an invite", "ask for a new invite", "/token"}; }

// The invite of a token that is right, open and of an active tenant. A wrong token and an unknown one look the same.
Result<Found> find(Services& services, std::string_view token) {
    const auto id = inviteIdIn(token);
    if (!id) return unknownToken();
    auto found = findDocument(services.tenancy.table, services.tenancy.self, ENGRAM_DOC_INVITE, "", *id, By::Id);
    if (!found) return found.error();
    const std::string stored(*found ? textOr((*found)->document, "token_hash", "") : std::string_view());
    if (!isInviteToken(token, stored)) return unknownToken();
    StoredDocument& invite = **found;
    if (!textOr(invite.document, "accepted_at", "").empty())
        return Error{"invite_used", "the invite was accepted already", "ask for a new one if that was not you", "/token"};
    const auto expires = engine::parseTime(textOr(invite.document, "expires_at", ""));
    if (!expires || *expires <= services.now())
        return Error{"invite_expired", "the invite has expired", "ask for a new one", "/token"};
    auto tenant = findDocument(services.tenancy.table, services.tenancy.self, ENGRAM_DOC_TENANT, "", invite.tenant, By::Id);
    if (!tenant) return tenant.error();
    if (!*tenant || textOr((*tenant)->document, "status", "") != "active") return unknownToken();
    Found out{std::move(invite), (*tenant)->id, std::string(textOr((*tenant)->document, "slug", "")), {}, Role::Viewer};
    out.email = textOr(out.invite.document, "email", "");
    out.role = roleIn(out.invite.document);
    return out;
}

Result<std::string> readUser(const json::Value& input, const std::string& email) {
    const std::string user(textOr(input, "user_id", email));
    const bool plain = std::all_of(user.begin(), user.end(), [](unsigned char c) { return c > 0x20 && c != 0x7F; });
    const bool reserved = std::any_of(std::begin(kReserved), std::end(kReserved),
                                      [&](std::string_view prefix) { return user.starts_with(prefix); });
    if (user.empty() || !plain || reserved)
        return Error{"invalid_value", "'" + user + "' cannot be a user id", "choose one without spaces, e.g. your address", "/user_id"};
    return user;
}

// The key comes first: without its member it may do nothing, so whoever loses a race for the token has gained nothing.
Result<std::optional<IssuedKey>> keyFor(Services& services, const Found& found, const std::string& user,
                                        std::string_view name) {
    KeyRequest request;
    request.tenant = found.tenant;
    request.name = name;
    request.created_by = user;
    request.member = user;
    const auto scopes = scopesOf(found.role);
    request.scopes.assign(scopes.begin(), scopes.end());
    auto key = issueKey(services, request);
    if (!key && key.error().code == "not_implemented") return std::optional<IssuedKey>();
    if (!key) return key.error();
    return std::optional<IssuedKey>(std::move(*key));
}

void forget(Services& services, const Found& found, const IssuedKey& key) {
    const std::string id(textOr(key.document, "id", ""));
    auto stored = findDocument(services.tenancy.table, services.tenancy.self, ENGRAM_DOC_API_KEY, found.tenant, id, By::Id);
    if (!stored || !*stored) return;
    // If this fails the key stays, bound to a member who is not there.
    (void)applyDocuments(services.tenancy.table, services.tenancy.self,
                         {{ENGRAM_DOC_API_KEY, found.tenant, id, "", (*stored)->version}}, "key");
}

Error refusedOf(Error error, const std::string& user) {
    if (error.code == "version_conflict") return {"invite_used", "the invite was accepted meanwhile", "ask for a new one", "/token"};
    if (error.code == "already_exists")
        return {"already_exists", "'" + user + "' is a member already", "name another user id", "/user_id"};
    return error;
}

std::string bodyOf(const Found& found, const StoredDocument& member, const std::optional<IssuedKey>& key) {
    json::Buffer buffer;
    json::Writer out(buffer);
    out.StartObject();
    writeMember(out, "tenant", found.slug);
    const std::string shown = memberJson(member.document, member.version);
    out.Key("member");
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
    return {buffer.GetString(), buffer.GetSize()};
}

void accept(Services& services, const Invocation& call, Done done) {
    auto found = find(services, textOr(call.input, "token", ""));
    if (!found) return done(found.error());
    auto user = readUser(call.input, found->email);
    if (!user) return done(user.error());
    if (loadMember(services, found->tenant, *user)) return done(refusedOf({"already_exists", "", "", ""}, *user));
    auto key = keyFor(services, *found, *user, textOr(call.input, "key_name", "first key"));
    if (!key) return done(key.error());
    StoredDocument& invite = found->invite;
    setText(invite.document, "accepted_at", engine::formatTime(services.now()));
    auto joined = applyDocuments(
        services.tenancy.table, services.tenancy.self,
        {{ENGRAM_DOC_INVITE, found->tenant, invite.id, json::write(invite.document), invite.version},
         {ENGRAM_DOC_MEMBER, found->tenant, *user, memberDocument(found->tenant, *user, found->role, found->email), 0, kMaxMembers}},
        "member '" + *user + "'");
    if (!joined) {
        if (*key) forget(services, *found, **key);
        return done(refusedOf(joined.error(), *user));
    }
    auto member = loadMember(services, found->tenant, *user);
    if (!member) return done(member.error());
    Answer answer{bodyOf(*found, *member, *key), 0, {}, {}};
    const std::string after = withKey(memberJson(member->document, member->version), *key ? &(*key)->document : nullptr);
    answer.audit = {invite.id, {}, after, found->tenant, "user:" + *user};
    done(std::move(answer));
}

constexpr Operation kOperations[] = {
    {"invite.accept", "Become a member with an invite's token, which works once; answers a key that may what the role may", "",
     Lane::Blocking, Effect::Writes, Repeat::NotIdempotent,
     R"({"type": "object", "additionalProperties": false, "required": ["token"],
         "properties": {"token": {"type": "string", "minLength": 1, "maxLength": 200},
           "user_id": {"type": "string", "minLength": 1, "maxLength": 255, "description": "How you are called here; the invite's address if not given"},
           "key_name": {"type": "string", "minLength": 1, "maxLength": 128, "description": "Name of the key; first key if not given"}}})",
     R"({"type": "object", "additionalProperties": false, "required": ["tenant", "member", "secret", "key"],
         "properties": {"tenant": {"type": "string", "description": "Its slug"}, "member": {"$ref": "#/definitions/member"},
           "secret": {"type": ["string", "null"], "description": "The whole key, shown this once; null if this server makes no keys"},
           "key": {"anyOf": [{"$ref": "#/definitions/key"}, {"type": "null"}]}}})",
     &accept, {"invite", ""}},
};

}  // namespace

std::span<const Operation> acceptOperations() { return kOperations; }

}  // namespace engram::operations
