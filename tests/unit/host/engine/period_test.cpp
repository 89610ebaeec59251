#include "engine/period.hpp"

#include "engine/time.hpp"
#include "support/test.hpp"

using namespace engram::engine;

namespace {

constexpr int64_t kNow = 1'764'000'000'000;  // 2025-11-24

// "2023-06-03 2023-06-04" for each, with the days alone.
std::string periods(std::string_view text) {
    std::string out;
    for (const Period& period : periodsIn(text, kNow)) {
        if (!out.empty()) out += ", ";
        out += formatTime(period.from).substr(0, 10) + " " + formatTime(period.until).substr(0, 10);
    }
    return out;
}

size_t countOf(std::string_view text) { return periodsIn(text, kNow).size(); }

}  // namespace

TEST("a day, a month and a date of ISO 8601 are found however they are written") {
    for (const char* text : {"on 3 June, 2023", "June 3, 2023?", "the 3rd of June 2023", "jun 3rd 2023", "what about 2023-06-03?"})
        CHECK_TEXT("2023-06-03 2023-06-04", periods(text));
    for (const char* text : {"in June 2023", "June, 2023", "JUNE 2023", "since 2023-06."}) CHECK_TEXT("2023-06-01 2023-07-01", periods(text));
    CHECK_TEXT("2023-12-01 2024-01-01", periods("December 2023"));
    CHECK_TEXT("2024-02-29 2024-03-01", periods("29 February 2024"));
    CHECK_TEXT("2023-05-01 2023-06-01, 2024-08-10 2024-08-11", periods("between May 2023 and August 10, 2024"));
}

TEST("without a year it is this year and the nine before") {
    const auto found = periodsIn("who came in July?", kNow);
    CHECK_EQ(size_t(10), found.size());
    CHECK_TEXT("2025-07-01", formatTime(found.front().from).substr(0, 10));
    CHECK_TEXT("2016-07-01", formatTime(found.back().from).substr(0, 10));
    CHECK_EQ(size_t(10), countOf("on 4 July"));
}

TEST("a word that may be a month but is none names no time") {
    for (const char* text : {"may I ask", "they march on", "what may happen", "march", "August", "the dec of a cat", "marching in step",
                             "", "2023", "room 2023", "2023-13-01", "2023-00", "version 1.2023", "12345-06-03"})
        CHECK_MESSAGE(text, countOf(text) == 0);
}

TEST("days that no calendar has name no time, and a text names sixteen at most") {
    for (const char* text : {"31 June 2023", "30 February 2024", "2023-02-30", "99 June 2023 nothing"}) {
        const std::string found = periods(text);
        CHECK_MESSAGE(std::string(text) + ": " + found, found.empty() || std::string_view(text).starts_with("99"));
    }
    std::string many;
    for (int i = 0; i < 100; ++i) many += "in June, ";
    CHECK_EQ(size_t(16), countOf(many));
}
