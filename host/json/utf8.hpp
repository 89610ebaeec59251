// UTF-8 in texts that come from outside and go into messages. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

namespace engram::json {

// Bytes of the character at the start of a text that is not empty, 0 if it is none (RFC 3629).
size_t characterLength(std::string_view text);

bool isUtf8(std::string_view text);

// Bytes that are no character are replaced by U+FFFD, each by itself.
std::string toUtf8(std::string_view text);

// At most `most` bytes of it, cut between characters.
std::string brief(std::string_view text, size_t most = 64);

// "/" and a member's name as a step of a JSON pointer (RFC 6901); an absurdly long name is cut.
std::string pointerStep(std::string_view name);

}  // namespace engram::json
