#include "codes.hpp"
#include "support/test.hpp"

#include <set>
#include <stdexcept>

using namespace engram::health;

TEST("every issue of the registry has a code of its own, a title and a fix") {
    std::set<std::string_view> codes;
    for (const Issue& issue : issues()) {
        CHECK(codes.insert(issue.code).second);
        CHECK(!issue.title.empty() && !issue.fix.empty());
    }
    CHECK(codes.size() >= 29);
}

TEST("a finding has its issue's severity, title and fix, unless it knows a better fix") {
    const Finding plain = finding("disk_low", "/data: 10 MiB free");
    CHECK(plain.severity == Severity::Warning);
    CHECK_TEXT("make room, or move server.data to a larger disk", plain.fix);
    CHECK_TEXT("chmod go-w /etc/x", finding("config_writable", "/etc/x", "chmod go-w /etc/x").fix);
}

TEST("a code that is not in the registry is a fault of ours") {
    CPPUNIT_ASSERT_THROW(finding("no_such_code", ""), std::logic_error);
}

TEST("the gravest finding comes first, and the same one is told once") {
    Findings all = {finding("first_key_file", "a"), finding("disk_low", "b"), finding("disk_full", "c"), finding("disk_low", "b"),
                    finding("config_invalid", "d")};
    CHECK(worst(all) == Severity::Error);
    sortFindings(all);
    CHECK_TEXT("config_invalid disk_full disk_low first_key_file", codesOf(all));
    CHECK(worst({}) == Severity::Info);
}
