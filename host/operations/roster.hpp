// The members of a tenant as operations change them, with the rule that a tenant never loses its last owner.
//
// An owner can only go or be demoted together with a change of the tenant's own document under its expected version, so
// two owners who leave at the same time cannot both succeed. Any thread; may block.
#pragma once

#include "operations/control_plane.hpp"
#include "operations/scopes.hpp"
#include "operations/services.hpp"

#include <engram/cpp/result.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace engram::operations {

inline constexpr uint64_t kMaxMembers = 10000;

// The document of a member who has just been made.
std::string memberDocument(const std::string& tenant, const std::string& user, Role role, const std::string& email);

// member_not_found.
Result<StoredDocument> loadMember(Services& services, const std::string& tenant, const std::string& user);

Role roleIn(const json::Value& member);

// The change of the tenant's document that has to go with an owner's leaving or demotion; reads the tenant before it
// counts owners. last_owner if there is no other.
Result<DocumentChange> withoutOwner(Services& services, const std::string& tenant, const std::string& user);

// The changes that revoke the keys that act for a member; at most `limit`, documents in use first to last.
Result<std::vector<DocumentChange>> revokedKeys(Services& services, const std::string& tenant, const std::string& user,
                                                size_t limit);

// {"user_id", "role", "email", ...}; `version` that of the document.
std::string memberJson(const json::Value& member, uint64_t version);

}  // namespace engram::operations
