#include "health/clock.hpp"

#include <cstdio>
#include <cstdlib>
#include <ctime>

namespace engram::health {
namespace {

constexpr int64_t kJump = 2000, kToldFor = 3600 * 1000;

int64_t read(clockid_t clock) {
    timespec now{};
    clock_gettime(clock, &now);
    return int64_t(now.tv_sec) * 1000 + now.tv_nsec / 1'000'000;
}

std::string describe(int64_t by, int64_t wall) {
    char when[32];
    const std::time_t seconds = wall / 1000;
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    std::strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &parts);
    char text[96];
    std::snprintf(text, sizeof text, "moved %s by %.1f s, to %s", by < 0 ? "back" : "forward",
                  static_cast<double>(std::abs(by)) / 1000, when);
    return text;
}

}  // namespace

ClockReading readClock() { return {read(CLOCK_REALTIME), read(CLOCK_BOOTTIME)}; }

void ClockWatch::judge(const ClockReading& now, Findings& out) {
    const int64_t by = (now.wall - last_.wall) - (now.steady - last_.steady);
    if (std::abs(by) >= kJump) {
        jumped_at_ = now.steady;
        jump_ = describe(by, now.wall);
    }
    last_ = now;
    if (jumped_at_ >= 0 && now.steady - jumped_at_ <= kToldFor) out.push_back(finding("clock_jumped", jump_));
    judgeYear(now, out);
}

void judgeYear(const ClockReading& now, Findings& out) {
    const std::time_t seconds = now.wall / 1000;
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    const int year = parts.tm_year + 1900;
    if (year < ENGRAM_BUILD_YEAR)
        out.push_back(finding("clock_wrong", "the clock says " + std::to_string(year) + ", the program is of " +
                                                 std::to_string(ENGRAM_BUILD_YEAR)));
}

}  // namespace engram::health
