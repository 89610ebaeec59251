// The word a person probably meant: smallest edit distance, if it is small. Pure; any thread.
#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace engram::config {

// Nothing if the closest word is further away than a third of its length (at least 1).
std::optional<std::string_view> closest(std::string_view word, std::span<const std::string_view> among);

}  // namespace engram::config
