// The secret that an invited person shows: egm_invite_<id of the invite, 32 hex digits>_<256 bits, 64 hex digits>.
//
// Only its SHA-256 is stored: at 256 bits of randomness a plain hash is enough (OWASP ASVS 5.0, 6.5.2). Pure functions
// but for the random source; any thread.
#pragma once

#include <engram/cpp/result.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace engram::operations {

// Error "internal" if the system has no randomness. `invite_id` is a UUID as text.
Result<std::string> mintInviteToken(std::string_view invite_id);

// The id of the invite that a token is for; nothing if it has not the shape of one.
std::optional<std::string> inviteIdIn(std::string_view token);

// What is stored of a token.
std::string inviteTokenHash(std::string_view token);

// Compares in constant time.
bool isInviteToken(std::string_view token, std::string_view stored_hash);

}  // namespace engram::operations
