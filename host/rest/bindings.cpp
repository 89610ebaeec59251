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
    {From::Query, "order", "order", Shape::Text, "created, updated, occurred or importance"},
    {From::Query, "direction", "direction", Shape::Text, "asc or desc"},
    {From::Query, "limit", "limit", Shape::Integer, "Memories a page, 1 to 1000"},
    {From::Query, "cursor", "cursor", Shape::Text, "next_cursor of the page before"},
    kAtLeast,
};
constexpr Parameter kDropWorkspace[] = {
    kName, {From::Query, "force", "force", Shape::Flag, "Delete the memories in it too"}};
constexpr Parameter kUsage[] = {
    {From::Query, "from", "from", Shape::Text, "RFC 3339; 30 days before until if not given"},
    {From::Query, "until", "until", Shape::Text, "RFC 3339; now if not given"},
};

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
    {"POST", "/v1/search", "memory.search", 200, Body::Input, {}},
    {"GET", "/v1/workspaces", "workspace.list", 200, Body::None, {}},
    {"POST", "/v1/workspaces", "workspace.create", 201, Body::Input, {}},
    {"DELETE", "/v1/workspaces/{name}", "workspace.delete", 200, Body::None, kDropWorkspace},
    {"GET", "/v1/keys", "key.list", 200, Body::None, {}},
    {"POST", "/v1/keys", "key.create", 201, Body::Input, {}},
    {"POST", "/v1/keys/{id}:rotate", "key.rotate", 201, Body::Input, kByKeyId},
    {"DELETE", "/v1/keys/{id}", "key.revoke", 200, Body::None, kByKeyId},
    {"GET", "/v1/tenant", "tenant.show", 200, Body::None, {}},
    {"GET", "/v1/usage", "usage.query", 200, Body::None, kUsage},
};

}  // namespace

std::span<const Binding> bindings() { return kBindings; }

}  // namespace engram::rest
