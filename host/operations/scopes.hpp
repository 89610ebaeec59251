// Scopes: what a credential may do, and which of them a member's role gives. Constants and pure functions; any thread.
//
// "*" is every scope of a tenant. "operator" is about the server and its tenants, so "*" does not contain it.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace engram::operations {

inline constexpr std::string_view kOperator = "operator";

// Every scope there is; a key may be given these and "*".
inline constexpr std::string_view kScopes[] = {"memory:read",  "memory:write", "memory:delete", "memory:purge",
                                               "workspace:admin", "tenant:read", "tenant:admin", "usage:read",
                                               "key:admin",    "member:admin", "audit:read",    kOperator};

// True if one of the scopes is the wanted one, "*" (not for "operator"), or its group with a star ("memory:*").
bool permits(std::span<const std::string> scopes, std::string_view wanted);

enum class Role { Viewer, Member, Admin, Owner };

std::optional<Role> roleOf(std::string_view name);
std::string_view nameOf(Role role);

// The scopes a role gives: docs/how-to/manage-members.md has the table.
std::span<const std::string> scopesOf(Role role);

// What an agent is let do, by a word: ReadOnly reads; ScopedWrite also writes and deletes what can be brought back; Maintenance
// also purges, and makes and deletes workspaces; Admin is all that the credential may.
enum class Mode { ReadOnly, ScopedWrite, Maintenance, Admin };

std::optional<Mode> modeOf(std::string_view name);  // "read_only"
std::span<const std::string> scopesOf(Mode mode);

// Those of a credential's scopes that the mode allows.
std::vector<std::string> restrictedTo(Mode mode, std::span<const std::string> scopes);

// Those of a credential's scopes that the role of the member it acts for gives.
std::vector<std::string> restrictedTo(Role role, std::span<const std::string> scopes);

// True if whoever has `scopes` may give, change or take away the role: it gives nothing that they lack.
bool mayHandle(std::span<const std::string> scopes, Role role);

}  // namespace engram::operations
