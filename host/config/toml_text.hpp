// Values written as TOML. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

namespace engram::config {

// A basic string with its quotes; control characters are escaped.
std::string tomlText(std::string_view text);
// A bare key where possible, else a quoted one.
std::string tomlKey(std::string_view key);

}  // namespace engram::config
