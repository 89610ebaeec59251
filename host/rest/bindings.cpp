#include "rest/binding.hpp"

namespace engram::rest {
namespace {

constexpr Parameter kId{From::Path, "id", "id", Shape::Text, "Id of the memory"};
constexpr Parameter kKeyId{From::Path, "id", "id", Shape::Text, "Id of the key"};
constexpr Parameter kName{From::Path, "name", "name", Shape::Text, "Name of the workspace"};
constexpr Parameter kAtLeast{From::Query, "at_least_lsn", "at_least_lsn", Shape::Integer,
                             "Answer from this position of the log or a later one"};
constexpr Parameter kIfMatch{From::Header, "if-match", "expected_version", Shape::Integer,
                             "The version the memory must have, as \"3\""};

constexpr Parameter kGet[] = {kId, kAtLeast};
constexpr Parameter kChange[] = {kId, kIfMatch};
constexpr Parameter kById[] = {kId};
constexpr Parameter kByKeyId[] = {kKeyId};
constexpr Parameter kList[] = {
    {From::Query, "workspace", "workspace", Shape::Text, "Only this workspace"},
    {From::Query, "filter", "filter", Shape::Json, "Filter as JSON"},
    {From::Query, "valid_at", "valid_at", Shape::Text, "RFC 3339; what holds in the world at that time"},
    {From::Query, "order", "order", Shape::Text, "created, updated, occurred or importance"},
    {From::Query, "direction", "direction", Shape::Text, "asc or desc"},
    {From::Query, "limit", "limit", Shape::Integer, "Memories a page, 1 to 1000"},
    {From::Query, "cursor", "cursor", Shape::Text, "next_cursor of the page before"},
    kAtLeast,
};
constexpr Parameter kDiff[] = {
    kId,
    {From::Query, "from", "from", Shape::Integer, "A version; the one before to if not given"},
    {From::Query, "to", "to", Shape::Integer, "A version; the newest if not given"},
    kAtLeast,
};
constexpr Parameter kDuplicates[] = {
    {From::Query, "id", "id", Shape::Text, "Only what is like this memory"},
    {From::Query, "workspace", "workspace", Shape::Text, "Where to look; default if not given"},
    {From::Query, "threshold", "threshold", Shape::Json, "Least share of words in common, 0.1 to 1"},
    {From::Query, "cursor", "cursor", Shape::Text, "next_cursor of the page before"},
    kAtLeast,
};
constexpr Parameter kDropWorkspace[] = {
    kName, {From::Query, "force", "force", Shape::Flag, "Delete the memories in it too"}};
constexpr Parameter kUsage[] = {
    {From::Query, "from", "from", Shape::Text, "RFC 3339; 30 days before until if not given"},
    {From::Query, "until", "until", Shape::Text, "RFC 3339; now if not given"},
};

constexpr Parameter kMemberId{From::Path, "id", "id", Shape::Text, "User id of the member"};
constexpr Parameter kInviteId{From::Path, "id", "id", Shape::Text, "Id of the invite"};
constexpr Parameter kSlug{From::Path, "slug", "slug", Shape::Text, "Slug of the tenant"};
constexpr Parameter kIfMatchDocument{From::Header, "if-match", "expected_version", Shape::Integer,
                                     "The version it must have, as \"3\""};
constexpr Parameter kUpdateMember[] = {kMemberId, kIfMatchDocument};
constexpr Parameter kByMemberId[] = {kMemberId};
constexpr Parameter kByInviteId[] = {kInviteId};
constexpr Parameter kUpdateTenant[] = {kIfMatchDocument};
constexpr Parameter kConfigureTenant[] = {kSlug, kIfMatchDocument};
constexpr Parameter kListTenants[] = {
    {From::Query, "limit", "limit", Shape::Integer, "Tenants a page, 1 to 1000"},
    {From::Query, "cursor", "cursor", Shape::Text, "next_cursor of the page before"},
};
constexpr Parameter kAudit[] = {
    {From::Query, "from", "from", Shape::Text, "RFC 3339; not earlier than this"},
    {From::Query, "until", "until", Shape::Text, "RFC 3339; earlier than this"},
    {From::Query, "operation", "operation", Shape::Text, "Only this operation, e.g. key.create"},
    {From::Query, "subject", "subject", Shape::Text, "Only by this subject, e.g. local:owner"},
    {From::Query, "limit", "limit", Shape::Integer, "Events a page, 1 to 1000"},
    {From::Query, "cursor", "cursor", Shape::Text, "next_cursor of the page before"},
};
constexpr Parameter kHealth[] = {
    {From::Query, "integrity", "integrity", Shape::Flag, "Read through every file, too; takes up to a minute"},
};

constexpr Parameter kBySpace[] = {{From::Path, "id", "id", Shape::Integer, "Id of the vector space"}};

constexpr Binding kBindings[] = {
    {"POST", "/v1/memories", "memory.create", 201, Body::Input, {}},
    {"POST", "/v1/memories:batch", "memory.create_batch", 200, Body::Input, {}},
    {"GET", "/v1/memories", "memory.list", 200, Body::None, kList},
    {"GET", "/v1/memories/{id}", "memory.get", 200, Body::None, kGet},
    {"PATCH", "/v1/memories/{id}", "memory.update", 200, Body::Input, kChange},
    {"DELETE", "/v1/memories/{id}", "memory.delete", 200, Body::None, kChange},
    {"GET", "/v1/memories/{id}/history", "memory.history", 200, Body::None, kGet},
    {"POST", "/v1/memories/{id}:revert", "memory.revert", 200, Body::Input, kChange},
    {"POST", "/v1/memories/{id}:undelete", "memory.undelete", 200, Body::None, kById},
    {"POST", "/v1/memories:delete", "memory.delete_batch", 200, Body::Input, {}},
    {"POST", "/v1/memories:tag", "memory.tag_batch", 200, Body::Input, {}},
    {"POST", "/v1/memories:merge", "memory.merge", 200, Body::Input, {}},
    {"POST", "/v1/memories/{id}:feedback", "memory.feedback", 200, Body::Input, kById},
    {"GET", "/v1/memories/{id}/diff", "memory.diff", 200, Body::None, kDiff},
    {"POST", "/v1/memories/{id}:undo", "memory.undo", 200, Body::None, kChange},
    {"GET", "/v1/duplicates", "memory.duplicates", 200, Body::None, kDuplicates},
    {"POST", "/v1/memories/{id}:purge", "memory.purge", 200, Body::None, kChange},
    {"POST", "/v1/search", "memory.search", 200, Body::Input, {}},
    {"GET", "/v1/workspaces", "workspace.list", 200, Body::None, {}},
    {"POST", "/v1/workspaces", "workspace.create", 201, Body::Input, {}},
    {"DELETE", "/v1/workspaces/{name}", "workspace.delete", 200, Body::None, kDropWorkspace},
    {"GET", "/v1/keys", "key.list", 200, Body::None, {}},
    {"POST", "/v1/keys", "key.create", 201, Body::Input, {}},
    {"POST", "/v1/keys/{id}:rotate", "key.rotate", 201, Body::Input, kByKeyId},
    {"DELETE", "/v1/keys/{id}", "key.revoke", 200, Body::None, kByKeyId},
    {"GET", "/v1/members", "member.list", 200, Body::None, {}},
    {"PATCH", "/v1/members/{id}", "member.update", 200, Body::Input, kUpdateMember},
    {"DELETE", "/v1/members/{id}", "member.remove", 200, Body::None, kByMemberId},
    {"GET", "/v1/invites", "invite.list", 200, Body::None, {}},
    {"POST", "/v1/invites", "invite.create", 201, Body::Input, {}},
    {"POST", "/v1/invites:accept", "invite.accept", 201, Body::Input, {}},
    {"DELETE", "/v1/invites/{id}", "invite.revoke", 200, Body::None, kByInviteId},
    {"GET", "/v1/tenant", "tenant.show", 200, Body::None, {}},
    {"PATCH", "/v1/tenant", "tenant.update", 200, Body::Input, kUpdateTenant},
    {"GET", "/v1/tenants", "tenant.list", 200, Body::None, kListTenants},
    {"POST", "/v1/tenants", "tenant.create", 201, Body::Input, {}},
    {"PATCH", "/v1/tenants/{slug}", "tenant.configure", 200, Body::Input, kConfigureTenant},
    {"GET", "/v1/audit", "audit.query", 200, Body::None, kAudit},
    {"GET", "/v1/audit:verify", "audit.verify", 200, Body::None, {}},
    {"GET", "/v1/embedding", "embedding.show", 200, Body::None, {}},
    {"POST", "/v1/embedding:switch", "embedding.switch", 200, Body::Input, {}},
    {"DELETE", "/v1/embedding/spaces/{id}", "embedding.drop", 200, Body::None, kBySpace},
    {"GET", "/v1/usage", "usage.query", 200, Body::None, kUsage},
    {"GET", "/v1/admin/health", "admin.health", 200, Body::None, kHealth},
};

}  // namespace

std::span<const Binding> bindings() { return kBindings; }

}  // namespace engram::rest
