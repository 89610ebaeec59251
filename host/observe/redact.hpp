// Secrets that slipped into a text for the log are replaced there. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

namespace engram::observe {

// Appends `text` as the inside of a JSON string: control characters and quotes escaped, bytes that are not UTF-8
// replaced by U+FFFD, API keys and bearer tokens by [redacted].
void appendEscaped(std::string& out, std::string_view text);

// A copy of a text that leaves the machine: API keys, bearer tokens, JSON Web Tokens, user and password in URLs, and values of
// members or keys that sound like secrets ("password", "token", …) become [redacted]. Lines stay lines.
std::string redacted(std::string_view text);

}  // namespace engram::observe
