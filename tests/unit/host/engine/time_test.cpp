#include "engine/time.hpp"

#include "support/test.hpp"

using namespace engram::engine;

TEST("times are read to the millisecond, in any offset") {
    CHECK(parseTime("1970-01-01T00:00:00Z") == 0);
    CHECK(parseTime("2026-01-31T09:30:00Z") == 1769851800000);
    CHECK(parseTime("2026-01-31t09:30:00.1z") == 1769851800100);
    CHECK(parseTime("2026-01-31 09:30:00.123456789Z") == 1769851800123);
    CHECK(parseTime("2026-01-31T11:30:00+02:00") == 1769851800000);
    CHECK(parseTime("2026-01-31T00:00:00-09:30") == 1769851800000);
    CHECK(parseTime("1969-12-31T23:59:59.999Z") == -1);
}

TEST("leap days are days, leap seconds the next minute") {
    CHECK(parseTime("2024-02-29T00:00:00Z").has_value());
    CHECK(parseTime("2000-02-29T00:00:00Z").has_value());
    CHECK(!parseTime("1900-02-29T00:00:00Z"));
    CHECK(!parseTime("2023-02-29T00:00:00Z"));
    CHECK(parseTime("2016-12-31T23:59:60Z") == parseTime("2017-01-01T00:00:00Z"));
}

TEST("what is not a time is none") {
    for (const char* text : {"", "2026", "2026-01-31", "2026-01-31T09:30:00", "2026-1-31T09:30:00Z", "2026-13-01T00:00:00Z",
                             "2026-00-01T00:00:00Z", "2026-04-31T00:00:00Z", "2026-01-31T24:00:00Z", "2026-01-31T09:60:00Z",
                             "2026-01-31T09:30:61Z", "2026-01-31T09:30:00.Z", "2026-01-31T09:30:00.1234567890Z",
                             "2026-01-31T09:30:00+2:00", "2026-01-31T09:30:00+24:00", "2026-01-31T09:30:00+0200",
                             "2026-01-31T09:30:00Z ", " 2026-01-31T09:30:00Z", "0000-01-01T00:00:00Z",
                             "+2026-01-31T09:30:00Z", "2026-01-31T09:30:00ZZ"})
        CHECK_MESSAGE(text, !parseTime(text));
}

TEST("the years 1 to 9999 are there to the last millisecond, and no more") {
    CHECK(parseTime("0001-01-01T00:00:00Z") == kEarliestTime);
    CHECK(parseTime("9999-12-31T23:59:59.999Z") == kLatestTime);
    CHECK(!parseTime("0001-01-01T00:00:00+00:01"));
    CHECK(!parseTime("9999-12-31T23:59:59-00:01"));
}

TEST("a time that is written is read back") {
    for (int64_t time : {kEarliestTime, int64_t(-1), int64_t(0), int64_t(1), int64_t(951782400000), int64_t(1769851800123), kLatestTime})
        CHECK_MESSAGE(formatTime(time), parseTime(formatTime(time)) == time);
    CHECK_TEXT("2026-01-31T09:30:00.007Z", formatTime(1769851800007));
    CHECK_TEXT("0001-01-01T00:00:00.000Z", formatTime(kEarliestTime));
}
