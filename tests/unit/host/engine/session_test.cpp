#include "engine/session.hpp"

#include "support/test.hpp"

using namespace engram::engine;

TEST("a session is what the metadata calls session, else session_id") {
    CHECK_TEXT("monday", sessionOf(R"({"topic": "tea", "session": "monday"})").value_or(""));
    CHECK_TEXT("s-1", sessionOf(R"({"session_id": "s-1"})").value_or(""));
    CHECK_TEXT("a", sessionOf(R"({"session_id": "b", "session": "a"})").value_or(""));
    CHECK_TEXT("7", sessionOf(R"({"session": 7})").value_or(""));
    CHECK_TEXT("escaped", sessionOf("{\"\\u0073ession\": \"escaped\"}").value_or(""));
    for (const char* none : {"{}", "", R"({"session": ""})", R"({"session": null})", R"({"session": ["a"]})",
                             R"({"deep": {"session": "a"}})", R"({"sessions": "a"})", "\"session\"", "{\"session\":"})
        CHECK_MESSAGE(none, !sessionOf(none));
}

TEST("a session's term is 34 bytes that no word has, its own in every workspace") {
    const std::string term = sessionTerm("default", "monday");
    CHECK_EQ(size_t(34), term.size());
    CHECK_EQ('\x01', term[0]);
    CHECK(term == sessionTerm("default", "monday"));
    CHECK(term != sessionTerm("default", "tuesday") && term != sessionTerm("other", "monday"));
    CHECK(sessionTerm("ab", "c") != sessionTerm("a", "bc"));
}
