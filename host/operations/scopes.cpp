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

const std::vector<std::string> kReadOnly = {"memory:read", "tenant:read"};
const std::vector<std::string> kScopedWrite = {"memory:read", "memory:write", "memory:delete", "tenant:read"};
const std::vector<std::string> kMaintenance = {"memory:read", "memory:write", "memory:delete", "memory:purge",
                                               "workspace:admin", "tenant:read", "usage:read"};

constexpr std::string_view kModes[] = {"read_only", "scoped_write", "maintenance", "admin"};

std::vector<std::string> shared(std::span<const std::string> allowed, std::span<const std::string> scopes) {
    std::vector<std::string> left;
    for (const std::string& scope : allowed)
        if (permits(scopes, scope)) left.push_back(scope);
    return left;
}

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
    return shared(scopesOf(role), scopes);
}

std::optional<Mode> modeOf(std::string_view name) {
    for (size_t i = 0; i < std::size(kModes); ++i)
        if (kModes[i] == name) return static_cast<Mode>(i);
    return std::nullopt;
}

std::span<const std::string> scopesOf(Mode mode) {
    switch (mode) {
        case Mode::ReadOnly: return kReadOnly;
        case Mode::ScopedWrite: return kScopedWrite;
        case Mode::Maintenance: return kMaintenance;
        case Mode::Admin: break;
    }
    return kOwner;
}

std::vector<std::string> restrictedTo(Mode mode, std::span<const std::string> scopes) {
    if (mode == Mode::Admin) return {scopes.begin(), scopes.end()};
    return shared(scopesOf(mode), scopes);
}

bool mayHandle(std::span<const std::string> scopes, Role role) {
    const auto needed = scopesOf(role);
    return std::all_of(needed.begin(), needed.end(), [&](const std::string& scope) { return permits(scopes, scope); });
}

}  // namespace engram::operations
