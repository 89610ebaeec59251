#include "health/clock.hpp"

#include "codes.hpp"
#include "support/test.hpp"

using namespace engram::health;

namespace {

constexpr int64_t kNow = 4102444800000;  // 2100-01-01

std::string judged(ClockWatch& watch, int64_t wall, int64_t steady) {
    Findings out;
    watch.judge({wall, steady}, out);
    return codesOf(out);
}

}  // namespace

TEST("clocks that go together are well, also over a night's sleep") {
    ClockWatch watch({kNow, 0});
    CHECK_TEXT("", judged(watch, kNow + 60000, 60000));
    CHECK_TEXT("", judged(watch, kNow + 9 * 3600000, 9 * 3600000));
}

TEST("a slow drift is no jump") {
    ClockWatch watch({kNow, 0});
    for (int64_t minute = 1; minute <= 100; ++minute) CHECK_TEXT("", judged(watch, kNow + minute * 60500, minute * 60000));
}

TEST("a jump either way is told of for an hour, with how far") {
    ClockWatch watch({kNow, 0});
    Findings out;
    watch.judge({kNow + 60000 - 7200000, 60000}, out);
    CHECK_TEXT("clock_jumped", codesOf(out));
    CHECK_TEXT("moved back by 7200.0 s, to 2099-12-31T22:01:00Z", out[0].evidence);
    CHECK_TEXT("clock_jumped", judged(watch, kNow + 120000 - 7200000, 120000));
    CHECK_TEXT("", judged(watch, kNow - 7200000 + 3700000, 3700000));
    CHECK_TEXT("clock_jumped", judged(watch, kNow, 3760000));
}

TEST("a clock of a year before the program is wrong") {
    Findings out;
    judgeYear({0, 0}, out);
    CHECK_TEXT("clock_wrong", codesOf(out));
    out.clear();
    judgeYear(readClock(), out);
    CHECK_TEXT("", codesOf(out));
}
