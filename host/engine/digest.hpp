// Short names for long texts, by which they are found again. Pure; any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace engram::engine {

// The first bytes (at most 32) of the text's SHA-256 (FIPS 180-4), two hexadecimal digits each.
std::string hexDigest(std::string_view text, size_t bytes);

}  // namespace engram::engine
