#include "json/utf8.hpp"

#include "support/test.hpp"

using namespace engram::json;

TEST("UTF-8 is what RFC 3629 says") {
    for (std::string_view good : {"", "a", "\x7F", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEE\x80\x80",
                                  "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF", "aé漢😀"})
        CHECK(isUtf8(good));
    for (std::string_view bad : {"\x80", "\xC0\xAF", "\xC1\xBF", "\xC2", "\xC2\x41", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xE2\x82",
                                 "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "a\xFE"})
        CHECK(!isUtf8(bad));
}

TEST("bytes that are no character are replaced, the rest is left") {
    CHECK_TEXT("a\xEF\xBF\xBD\xEF\xBF\xBD" "b", toUtf8("a\xE2\x82" "b"));
    CHECK_TEXT("é漢😀", toUtf8("é漢😀"));
    CHECK(isUtf8(toUtf8("\xFF\xC3\x28\xED\xA0\x80\xF0\x9F")));
}

TEST("a text is cut between characters") {
    CHECK_TEXT("ab", brief("abc", 2));
    CHECK_TEXT("abc", brief("abc", 3));
    CHECK_TEXT("a", brief("aé", 2));
    CHECK_TEXT("aé", brief("aéb", 3));
    CHECK_TEXT("", brief("😀", 3));
}

TEST("a step of a pointer is escaped and of a sane length") {
    CHECK_TEXT("/a", pointerStep("a"));
    CHECK_TEXT("/~0~1~01", pointerStep("~/~1"));
    CHECK_TEXT("/", pointerStep(""));
    CHECK(pointerStep(std::string(100000, 'x')).size() < 200);
}
