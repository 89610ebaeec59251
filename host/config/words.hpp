// Small pieces of messages. Pure; any thread.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "config/did_you_mean.hpp"

namespace engram::config {

inline std::string inQuotes(std::string_view word) {
    return "'" + std::string(word) + "'";
}

// "did you mean 'x'?", or where to look if nothing is close.
inline std::string didYouMean(std::string_view word, std::span<const std::string_view> among) {
    auto close = closest(word, among);
    return close ? "did you mean " + inQuotes(*close) + "?" : "engram config explain lists the keys";
}

}  // namespace engram::config
