// Whether the wall clock can be believed. One thread at a time.
#pragma once

#include "health/issue.hpp"

#include <cstdint>
#include <string>

namespace engram::health {

// Milliseconds: of the day's clock since 1970, and of a clock that nobody sets and that counts sleep, too.
struct ClockReading {
    int64_t wall = 0, steady = 0;
};

ClockReading readClock();

// Remembers how the clocks stood to each other. A jump is told of for an hour.
class ClockWatch {
public:
    explicit ClockWatch(const ClockReading& start) : last_(start) {}

    // clock_jumped: since the last reading the wall clock went 2 s more or less than the other one.
    // clock_wrong: the wall clock is in a year before the program was built.
    void judge(const ClockReading& now, Findings& out);

private:
    ClockReading last_;
    int64_t jumped_at_ = -1;  // steady
    std::string jump_;
};

// clock_wrong alone, for a process that lives too short to see jumps.
void judgeYear(const ClockReading& now, Findings& out);

}  // namespace engram::health
