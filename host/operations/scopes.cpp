#include "operations/scopes.hpp"

#include <algorithm>

namespace engram::operations {
namespace {

const std::vector<std::string> kViewer = {"memory:read", "tenant:read"};
const std::vector<std::string> kMember = {"memory:read", "memory:write", "memory:delete", "tenant:read", "usage:read"};
const std::vector<std::string> kAdmin = {"memory:read", "memory:write", "memory:delete", "memory:purge", "workspace:admin",
                                         "tenant:read", "tenant:admin", "usage:read",    "key:admin",
                                         "member:admin", "audit:read"};
const std::vector<std::string> kOwner = {"*"};

constexpr std::string_view kNames[] = {"viewer", "member", "admin", "owner"};

}  // namespace

bool permits(std::span<const std::string> scopes, std::string_view wanted) {
    for (const std::string& own : scopes) {
        if (own == wanted) return true;
        if (own == "*" && wanted != kOperator) return true;
        if (own.size() > 2 && own.ends_with(":*") && wanted.starts_with(std::string_view(own).substr(0, own.size() - 1)))
            return true;
    }
    return false;
}

std::optional<Role> roleOf(std::string_view name) {
    for (size_t i = 0; i < std::size(kNames); ++i)
        if (kNames[i] == name) return static_cast<Role>(i);
    return std::nullopt;
}

std::string_view nameOf(Role role) { return kNames[static_cast<size_t>(role)]; }

std::span<const std::string> scopesOf(Role role) {
    switch (role) {
        case Role::Viewer: return kViewer;
        case Role::Member: return kMember;
        case Role::Admin: return kAdmin;
        case Role::Owner: return kOwner;
    }
    return kViewer;
}

std::vector<std::string> restrictedTo(Role role, std::span<const std::string> scopes) {
    // An owner's credentials keep what they were given, also scopes of plugins and "operator".
    if (role == Role::Owner) return {scopes.begin(), scopes.end()};
    std::vector<std::string> left;
    for (const std::string& scope : scopesOf(role))
        if (permits(scopes, scope)) left.push_back(scope);
    return left;
}

bool mayHandle(std::span<const std::string> scopes, Role role) {
    const auto needed = scopesOf(role);
    return std::all_of(needed.begin(), needed.end(), [&](const std::string& scope) { return permits(scopes, scope); });
}

}  // namespace engram::operations
