// The text of an API key: egm_<env>_<id>_<secret><checksum>. Pure functions; any thread.
//
// env: live or test; id: 12 base62 characters, public; secret: 43 base62 characters, 256 bits; checksum: 6 base62
// characters, the CRC-32 (zlib's polynomial) of everything before it, so that a mistyped key needs no look-up.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace engram::auth_apikey {

struct KeyParts {
    std::string_view prefix;  // "egm_<env>_<id>"
    std::string_view secret;
};

// Nothing if the shape or the checksum is wrong.
std::optional<KeyParts> parseKey(std::string_view key);

// A fresh key from the system's random source.
std::string mintKey(std::string_view environment);

}  // namespace engram::auth_apikey
