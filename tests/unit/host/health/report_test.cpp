#include "health/report.hpp"

#include "support/test.hpp"

using namespace engram;
using namespace engram::health;

TEST("a report says whether all is well, and reads back as it was") {
    Report report{"1.2.3", {finding("disk_low", "/data \"x\"\n: few"), finding("first_key_file", "/data/first-key")}};
    const std::string text = write(report);
    CHECK(text.find("\"status\":\"warning\"") != std::string::npos);
    auto again = readReport(text);
    CHECK(again.ok());
    CHECK_TEXT("1.2.3", again->version);
    CHECK_EQ(size_t(2), again->findings.size());
    CHECK_TEXT("/data \"x\"\n: few", again->findings[0].evidence);
    CHECK_TEXT(write(report), write(*again));
}

TEST("notes alone are well") {
    CHECK(write({"1", {finding("first_key_file", "x")}}).find("\"status\":\"ok\"") != std::string::npos);
}

TEST("a path that a fix would change is not published") {
    Finding found = finding("stale_socket", "evidence");
    found.path = "/run/secret-place.sock";
    CHECK(write({"1", {found}}).find("secret-place") == std::string::npos);
}

TEST("what is no report is an error, and an unknown code is kept") {
    for (const char* text : {"", "[]", "{}", "{\"findings\": 1}", "{\"findings\": [1]}", "nonsense"})
        CHECK_MESSAGE(text, !readReport(text).ok());
    auto newer = readReport(R"({"version": "9", "findings": [{"code": "of_the_future", "severity": "info", "x": 1}]})");
    CHECK(newer.ok());
    CHECK_TEXT("of_the_future", newer->findings[0].code);
    CHECK(newer->findings[0].severity == Severity::Info);
}
