#include "engine/analysis.hpp"

#include "engine/unicode.hpp"
#include "support/test.hpp"

using namespace engram::engine;

namespace {

std::string join(const Analysis& analysis) {
    std::string out;
    for (const Term& term : analysis.terms) {
        if (!out.empty()) out += ' ';
        out += term.text;
        if (term.count > 1) out += "*" + std::to_string(term.count);
    }
    return out;
}

std::string terms(std::string_view text) { return join(analyse(text)); }

bool isUtf8(std::string_view text) {
    for (size_t at = 0; at < text.size();)
        if (unicode::next(text, at) == 0xFFFD) return false;
    return true;
}

}  // namespace

TEST("forms of a word are one term") {
    CHECK_TEXT(terms("climb"), terms("climbing"));
    CHECK_TEXT(terms("climb"), terms("CLIMBED"));
    CHECK_TEXT(terms("memories"), terms("memory"));
    CHECK_TEXT(terms("cafe"), terms("Café"));
    CHECK_TEXT(terms("cafe"), terms("Cafe\xCC\x81"));
}

TEST("terms are distinct, counted, in order of first appearance") {
    const Analysis analysis = analyse("tea, green TEA and tea");
    CHECK_TEXT("tea*3 green and", join(analysis));
    CHECK_EQ(5u, analysis.length);
    CHECK_EQ(0u, analyse("").length);
    CHECK_TEXT("", terms(" ,;-- \n\t"));
}

TEST("scripts without spaces become overlapping pairs, and a lone character a term") {
    CHECK_TEXT("東京 京都", terms("東京都"));
    CHECK_TEXT("猫", terms("猫"));
    CHECK_TEXT("東京 tea 猫", terms("東京tea猫"));
    CHECK_TEXT("東京 猫", terms("東京 猫"));
}

TEST("a long word is cut between characters") {
    for (const char* letter : {"x", "й", "ქ", "\xF0\x90\x90\xA8"})
        for (size_t n : {31, 32, 33, 64, 65, 100, 1000}) {
            std::string word;
            for (size_t i = 0; i < n; ++i) word += letter;
            const Analysis analysis = analyse(word);
            CHECK_EQ(size_t(1), analysis.terms.size());
            CHECK(analysis.terms[0].text.size() <= 64);
            CHECK(!analysis.terms[0].text.empty());
            CHECK_MESSAGE("cut in a character: " + std::to_string(n) + " " + letter, isUtf8(analysis.terms[0].text));
        }
}

TEST("a cut takes no more than it must") {
    std::string word;
    for (int i = 0; i < 100; ++i) word += "й";
    CHECK_EQ(size_t(64), analyse(word).terms[0].text.size());
}

TEST("bytes that are not UTF-8 separate words") { CHECK_TEXT("tea green", terms("tea\xFF\xFEgreen")); }

TEST("a question loses what says nothing, unless nothing else is there") {
    CHECK_TEXT("ada drink", join(analyseQuery("What does Ada drink?")));
    CHECK_TEXT(terms("to be or not to be"), join(analyseQuery("to be or not to be")));
    CHECK(terms("the who").find("the") != std::string::npos);
}
