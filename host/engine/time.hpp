// RFC 3339 times as milliseconds since 1970-01-01T00:00:00Z, years 0001 to 9999. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace engram::engine {

// "2026-01-31T09:30:00Z", with fraction and offset if there are any; digits beyond milliseconds are dropped.
std::optional<int64_t> parseTime(std::string_view text);
// "2026-01-31T09:30:00.000Z"
std::string formatTime(int64_t milliseconds);

inline constexpr int64_t kEarliestTime = -62135596800000;  // 0001-01-01T00:00:00Z
inline constexpr int64_t kLatestTime = 253402300799999;    // 9999-12-31T23:59:59.999Z

}  // namespace engram::engine
