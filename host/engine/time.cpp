#include "engine/time.hpp"

#include <chrono>
#include <cstdio>

namespace engram::engine {
namespace {

// Reads exactly n digits at `at`, which moves behind them; -1 if there are none.
int digits(std::string_view text, size_t& at, size_t n) {
    if (text.size() < at + n) return -1;
    int value = 0;
    for (size_t i = 0; i < n; ++i) {
        const char c = text[at + i];
        if (c < '0' || c > '9') return -1;
        value = value * 10 + (c - '0');
    }
    at += n;
    return value;
}

bool skip(std::string_view text, size_t& at, std::string_view one_of) {
    if (at >= text.size() || one_of.find(text[at]) == std::string_view::npos) return false;
    ++at;
    return true;
}

}  // namespace

std::optional<int64_t> parseTime(std::string_view text) {
    size_t at = 0;
    const int year = digits(text, at, 4);
    if (year < 1 || !skip(text, at, "-")) return std::nullopt;
    const int month = digits(text, at, 2);
    if (month < 0 || !skip(text, at, "-")) return std::nullopt;
    const int day = digits(text, at, 2);
    if (day < 0 || !skip(text, at, "Tt ")) return std::nullopt;
    const int hour = digits(text, at, 2);
    if (hour < 0 || hour > 23 || !skip(text, at, ":")) return std::nullopt;
    const int minute = digits(text, at, 2);
    if (minute < 0 || minute > 59 || !skip(text, at, ":")) return std::nullopt;
    const int second = digits(text, at, 2);
    if (second < 0 || second > 60) return std::nullopt;
    int milliseconds = 0;
    if (skip(text, at, ".")) {
        int scale = 100;
        size_t read = 0;
        for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, ++read) {
            milliseconds += (text[at] - '0') * scale;
            scale /= 10;
        }
        if (read == 0 || read > 9) return std::nullopt;
    }
    int offset = 0;
    if (!skip(text, at, "Zz")) {
        if (at >= text.size() || (text[at] != '+' && text[at] != '-')) return std::nullopt;
        const int sign = text[at++] == '-' ? -1 : 1;
        const int hours = digits(text, at, 2);
        if (hours < 0 || hours > 23 || !skip(text, at, ":")) return std::nullopt;
        const int minutes = digits(text, at, 2);
        if (minutes < 0 || minutes > 59) return std::nullopt;
        offset = sign * (hours * 60 + minutes);
    }
    if (at != text.size()) return std::nullopt;
    const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                           std::chrono::day(static_cast<unsigned>(day))};
    if (!date.ok()) return std::nullopt;
    const int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
    const int64_t seconds = days * 86400 + hour * 3600 + minute * 60 + second - offset * 60;
    const int64_t value = seconds * 1000 + milliseconds;
    if (value < kEarliestTime || value > kLatestTime) return std::nullopt;
    return value;
}

std::string formatTime(int64_t milliseconds) {
    const std::chrono::sys_time<std::chrono::milliseconds> time{std::chrono::milliseconds(milliseconds)};
    const auto days = std::chrono::floor<std::chrono::days>(time);
    const std::chrono::year_month_day date(days);
    const std::chrono::hh_mm_ss clock(time - days);
    char text[40];
    std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ", static_cast<int>(date.year()),
                  static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                  static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                  static_cast<int>(clock.seconds().count()), static_cast<int>(clock.subseconds().count()));
    return text;
}

}  // namespace engram::engine
