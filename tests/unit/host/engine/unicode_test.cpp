#include "engine/unicode.hpp"

#include "support/test.hpp"

#include <vector>

using namespace engram::engine;

namespace {

std::vector<char32_t> decode(std::string_view text) {
    std::vector<char32_t> out;
    for (size_t at = 0; at < text.size();) out.push_back(unicode::next(text, at));
    return out;
}

std::string folded(std::string_view text) {
    std::string out;
    for (char32_t c : decode(text)) unicode::appendFolded(out, c);
    return out;
}

}  // namespace

TEST("well-formed UTF-8 is decoded and encoded to itself") {
    const std::string text = "a\xC2\x80\xDF\xBF\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xF0\x90\x80\x80\xF4\x8F\xBF\xBF";
    const std::vector<char32_t> wanted = {'a', 0x80, 0x7FF, 0x800, 0xD7FF, 0xE000, 0x10000, 0x10FFFF};
    CHECK(wanted == decode(text));
    std::string again;
    for (char32_t c : wanted) unicode::append(again, c);
    CHECK_TEXT(text, again);
}

TEST("bytes that are not UTF-8 cost one character each and end") {
    for (std::string_view bad : {"\x80", "\xC0\xAF", "\xC1\xBF", "\xE0\x80\xAF", "\xED\xA0\x80", "\xF0\x80\x80\x80", "\xF4\x90\x80\x80",
                                 "\xF5\x80\x80\x80", "\xFF", "\xC3", "\xE2\x82", "\xF0\x9F\x98"}) {
        const auto found = decode(bad);
        CHECK_EQ(bad.size(), found.size());
        for (char32_t c : found) CHECK(c == 0xFFFD);
    }
    const std::vector<char32_t> wanted = {0xFFFD, 'a'};
    CHECK(wanted == decode("\xE2\x61"));
}

TEST("characters are letters, marks, written without spaces, or neither") {
    using unicode::Class;
    for (char32_t c : {U'a', U'Z', U'9', U'é', U'ж', U'α', U'ª', U'µ', U'ａ'}) CHECK(unicode::classify(c) == Class::Letter);
    for (char32_t c : {U' ', U'_', U'-', U'×', U'“', U'—', U'€', U'。', U'😀', char32_t(0xFFFD), U'！'})
        CHECK(unicode::classify(c) == Class::Other);
    for (char32_t c : {U'漢', U'か', U'カ', U'한', U'ไ', char32_t(0x20000)}) CHECK(unicode::classify(c) == Class::Ideograph);
    CHECK(unicode::classify(0x301) == Class::Mark);
}

TEST("case and Latin accents are folded, through the whole of Latin-1 and Extended-A") {
    CHECK_TEXT("aaaaaaaeceeeeiiiidnoooooouuuuythss", folded("ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖØÙÚÛÜÝÞß"));
    CHECK_TEXT("aaaaaaaeceeeeiiiidnoooooouuuuythy", folded("àáâãäåæçèéêëìíîïðñòóôõöøùúûüýþÿ"));
    CHECK_TEXT("lodz zazolc gesla jazn", folded("ŁÓDŹ Zażółć gęślą jaźń"));
    CHECK_TEXT("ijssel oeuvre kjopenhavn", folded("Ĳssel Œuvre KJØPENHAVN"));
    CHECK_TEXT("zzzzzzs", folded("ŹźŻżŽžſ"));
}

TEST("a word in capitals folds to the word in small letters, in other scripts too") {
    for (auto [capitals, small] : {std::pair<const char*, const char*>{"МОСКВА", "москва"},
                                   {"ЁЖИК", "ёжик"},
                                   {"ΑΘΗΝΑ", "αθηνα"},
                                   {"ΆΝΟΙΞΗ ΈΉΊΌΎΏ ΪΫ", "άνοιξη έήίόύώ ϊϋ"},
                                   {"ՀԱՅ", "հայ"},
                                   {"ȘTIRI ȚARĂ", "știri țară"},
                                   {"ӁӇӐ", "ӂӈӑ"},
                                   {"ẤỲ", "ấỳ"},
                                   {"ＡＢＣ", "ａｂｃ"}})
        CHECK_TEXT(folded(small), folded(capitals));
    CHECK(folded("ӂ") != folded("Ӄ"));
    CHECK_TEXT("stiri tara", folded("Știri Țară"));
    CHECK_TEXT(folded("οδοσ"), folded("ΟΔΟΣ"));
    CHECK_TEXT(folded("οδος"), folded("ΟΔΟΣ"));
}
