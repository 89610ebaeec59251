// The revisions of MCP this server speaks, and how a message's revision is found.
//
// Legacy revisions begin with `initialize`; 2026-07-28 ("modern") has no handshake and each request says its revision.
// Both meet on one endpoint, so each message is classified, never a connection. Pure; any thread.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace engram::mcp {

enum class Era { Legacy, Modern };

inline constexpr std::string_view kBatchRevision = "2025-03-26";  // the one revision in which clients may send batches

// Newest first.
std::span<const std::string_view> legacyRevisions();
std::span<const std::string_view> modernRevisions();
bool isLegacy(std::string_view revision);
bool isModern(std::string_view revision);

// What `initialize` answers: the asked revision if it is one of ours, else the newest legacy one.
std::string_view negotiate(std::string_view asked);

// A session id that carries the negotiated revision and is otherwise a random name: nothing is kept for it, so any
// node can serve the next request. It is no credential.
std::string mintSession(std::string_view revision);
// The revision within a session id; nullopt if this server did not make it.
std::optional<std::string_view> revisionOf(std::string_view session);

}  // namespace engram::mcp
