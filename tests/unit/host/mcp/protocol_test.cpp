#include "mcp/protocol.hpp"

#include "support/test.hpp"

using namespace engram;

TEST("initialize answers what was asked if it is spoken, else the newest revision with a handshake") {
    for (std::string_view revision : mcp::legacyRevisions()) CHECK_TEXT(revision, mcp::negotiate(revision));
    for (std::string_view revision : {"2026-07-28", "1999-01-01", ""}) CHECK_TEXT("2025-11-25", mcp::negotiate(revision));
}

TEST("a session carries its revision, is visible ASCII and never the same") {
    const std::string session = mcp::mintSession("2025-06-18");
    CHECK_TEXT("2025-06-18", *mcp::revisionOf(session));
    for (char c : session) CHECK(c > ' ' && c < 0x7F);
    CHECK(session != mcp::mintSession("2025-06-18"));
}

TEST("what this server did not make is no session") {
    const std::string good = mcp::mintSession("2025-11-25");
    for (const std::string& bad : {std::string(), std::string("engram."), std::string("engram.2025-11-25."), good + "0",
                                   good.substr(0, good.size() - 1), "x" + good, mcp::mintSession("2026-07-28"),
                                   good.substr(0, good.size() - 1) + "U"})
        CHECK_MESSAGE(bad, !mcp::revisionOf(bad));
}
