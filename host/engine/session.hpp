// The session that a memory belongs to, as its metadata says, and the term by which storage finds the others of it.
// Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace engram::engine {

// The member "session" (else "session_id") of a JSON object: a text that is not empty, or a whole number.
std::optional<std::string> sessionOf(std::string_view metadata);

// 34 bytes that no word of a text is: every memory of the session carries it among its terms, without counting towards its
// length. Sessions of the same name in two workspaces are two.
std::string sessionTerm(std::string_view workspace, std::string_view session);

}  // namespace engram::engine
