#include "engine/diff.hpp"

#include "engine/unicode.hpp"
#include "support/test.hpp"

#include <random>

using namespace engram;
using namespace engram::engine;

namespace {

// Character by character, since that is what the places of a hunk count.
std::vector<std::string> characters(const std::string& text) {
    std::vector<std::string> out;
    for (size_t at = 0; at < text.size();) {
        const size_t before = at;
        unicode::next(text, at);
        out.push_back(text.substr(before, at - before));
    }
    return out;
}

// The new text, made of the old one and the hunks.
std::string applied(const std::string& old_text, const std::vector<Hunk>& hunks) {
    const auto old = characters(old_text);
    std::string out;
    size_t at = 0, made = 0;
    for (const Hunk& hunk : hunks) {
        for (; at < hunk.at_old; ++at, ++made) out += old[at];
        CHECK_EQ(hunk.at_new, uint64_t(made));
        for (const std::string& gone : characters(hunk.removed)) CHECK_TEXT(gone, old[at++]);
        out += hunk.added;
        made += characters(hunk.added).size();
    }
    for (; at < old.size(); ++at) out += old[at];
    return out;
}

}  // namespace

TEST("a diff names the words that changed and where") {
    const auto hunks = diffWords("Ada drinks tea at noon", "Ada drinks coffee at noon");
    CHECK_EQ(size_t(1), hunks.size());
    CHECK_EQ(uint64_t(11), hunks[0].at_old);
    CHECK_TEXT("tea", hunks[0].removed);
    CHECK_TEXT("coffee", hunks[0].added);
    CHECK(diffWords("same", "same").empty());
}

TEST("places are counted in characters, not bytes") {
    const auto hunks = diffWords("é日本 tea", "é日本 milk");
    CHECK_EQ(size_t(1), hunks.size());
    CHECK_EQ(uint64_t(4), hunks[0].at_old);
}

TEST("hunks make the new text of the old one, whatever the texts") {
    std::mt19937 random(7);
    const char* words[] = {"a", "b", "tea", " ", "\n", "é", "\xff", "."};
    const auto text = [&](size_t length) {
        std::string out;
        for (size_t i = 0; i < length; ++i) out += words[random() % std::size(words)];
        return out;
    };
    for (int round = 0; round < 300; ++round) {
        const std::string a = text(random() % 40), b = text(random() % 40);
        CHECK_TEXT(b, applied(a, diffWords(a, b)));
    }
}

TEST("texts that have little in common are told as one change, in bounded time") {
    std::string a = "begin ", b = "begin ";
    for (int i = 0; i < 20000; ++i) a += "x" + std::to_string(i) + " ", b += "y" + std::to_string(i) + " ";
    const auto hunks = diffWords(a + "end", b + "end");
    CHECK_EQ(size_t(1), hunks.size());
    CHECK_TEXT(b + "end", applied(a + "end", hunks));
}
