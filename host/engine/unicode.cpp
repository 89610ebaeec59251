#include "engine/unicode.hpp"

#include <algorithm>
#include <array>

using namespace std::string_view_literals;

namespace engram::engine::unicode {
namespace {

constexpr char32_t kReplacement = 0xFFFD;

struct Range {
    char32_t first, last;
};

constexpr std::array<Range, 8> kIdeographs = {{{0x0E00, 0x0EFF},    // Thai, Lao
                                               {0x1000, 0x109F},    // Myanmar
                                               {0x1780, 0x17FF},    // Khmer
                                               {0x3040, 0x30FF},    // Hiragana, Katakana
                                               {0x3400, 0x9FFF},    // CJK
                                               {0xAC00, 0xD7A3},    // Hangul
                                               {0xF900, 0xFAFF},    // CJK compatibility
                                               {0x20000, 0x3FFFF}}};

constexpr std::array<Range, 5> kMarks = {
    {{0x0300, 0x036F}, {0x1AB0, 0x1AFF}, {0x1DC0, 0x1DFF}, {0x20D0, 0x20FF}, {0xFE00, 0xFE0F}}};

// Punctuation, symbols and spaces beyond ASCII; everything else up there counts as a letter.
constexpr std::array<Range, 14> kOthers = {{{0x0080, 0x00A9},
                                            {0x00AB, 0x00B4},
                                            {0x00B6, 0x00B9},
                                            {0x00BB, 0x00BF},
                                            {0x00D7, 0x00D7},
                                            {0x00F7, 0x00F7},
                                            {0x055A, 0x055F},
                                            {0x0600, 0x060F},
                                            {0x2000, 0x206F},
                                            {0x2070, 0x2BFF},
                                            {0x2E00, 0x2E7F},
                                            {0x3000, 0x303F},
                                            {0xE000, 0xF8FF},
                                            {0xFE10, 0xFE6F}}};

template <size_t N>
bool within(const std::array<Range, N>& ranges, char32_t c) {
    return std::any_of(ranges.begin(), ranges.end(), [c](const Range& r) { return c >= r.first && c <= r.last; });
}

// Base letters of U+00C0 to U+017F (Latin-1 and Extended-A); '\0' = two letters, see foldPair.
constexpr std::string_view kLatin =
    "aaaaaa\0ceeeeiiiidnooooo\0ouuuuy\0\0aaaaaa\0ceeeeiiiidnooooo\0ouuuuy\0y"
    "aaaaaaccccccccddddeeeeeeeeeegggggggghhhhiiiiiiiiii\0\0jjkkklllllll"
    "lllnnnnnnnnnoooooo\0\0rrrrrrssssssssttttttuuuuuuuuuuuuwwyyyzzzzzzs"sv;

std::string_view foldPair(char32_t c) {
    switch (c) {
        case 0xC6: case 0xE6: return "ae";
        case 0xDE: case 0xFE: return "th";
        case 0xDF: return "ss";
        case 0x132: case 0x133: return "ij";
        case 0x152: case 0x153: return "oe";
        case 0x218: case 0x219: return "s";                         // Romanian
        case 0x21A: case 0x21B: return "t";
        default: return {};
    }
}

char32_t lower(char32_t c) {
    if (c >= 'A' && c <= 'Z') return c + 32;
    if (c >= 0x391 && c <= 0x3AB) return c + 32;                    // Greek
    if (c == 0x386) return 0x3AC;                                   // with a tonos
    if (c >= 0x388 && c <= 0x38A) return c + 37;
    if (c == 0x38C) return 0x3CC;
    if (c == 0x38E || c == 0x38F) return c + 63;
    if (c == 0x3C2) return 0x3C3;                                   // the sigma at the end of a word
    if (c >= 0x410 && c <= 0x42F) return c + 32;                    // Cyrillic
    if (c >= 0x400 && c <= 0x40F) return c + 80;
    if (c == 0x4C0) return 0x4CF;
    if (c >= 0x4C1 && c <= 0x4CE) return c % 2 ? c + 1 : c;         // capitals are the odd ones here
    if (c == 0x4CF) return c;
    if ((c >= 0x460 && c <= 0x4FF) || (c >= 0x1E00 && c <= 0x1EFF)) return c | 1;
    if (c >= 0x531 && c <= 0x556) return c + 48;                    // Armenian
    if (c >= 0xFF21 && c <= 0xFF3A) return c - 0xFF21 + 'a';        // full width
    if (c >= 0xFF41 && c <= 0xFF5A) return c - 0xFF41 + 'a';
    if (c >= 0xFF10 && c <= 0xFF19) return c - 0xFF10 + '0';
    return c;
}

}  // namespace

char32_t next(std::string_view text, size_t& at) {
    const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char first = byte(at);
    if (first < 0x80) return text[at++];
    const size_t length = first >= 0xF0 && first < 0xF5 ? 4 : first >= 0xE0 ? 3 : first >= 0xC2 ? 2 : 0;
    if (length == 0 || first >= 0xF5 || at + length > text.size()) {
        ++at;
        return kReplacement;
    }
    char32_t c = first & (0xFF >> (length + 1));
    for (size_t i = 1; i < length; ++i) {
        if ((byte(at + i) & 0xC0) != 0x80) {
            ++at;
            return kReplacement;
        }
        c = c << 6 | (byte(at + i) & 0x3F);
    }
    constexpr char32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
    if (c < kLeast[length] || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF)) {
        ++at;
        return kReplacement;
    }
    at += length;
    return c;
}

Class classify(char32_t c) {
    if (c < 0x80) {
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        return letter ? Class::Letter : Class::Other;
    }
    if (within(kMarks, c)) return Class::Mark;
    if (within(kIdeographs, c)) return Class::Ideograph;
    if (c >= 0xFF00 && c <= 0xFFEF)
        return (c >= 0xFF10 && c <= 0xFF19) || (c >= 0xFF21 && c <= 0xFF3A) || (c >= 0xFF41 && c <= 0xFF5A)
                   ? Class::Letter
               : c >= 0xFF66 && c <= 0xFFDC ? Class::Ideograph
                                            : Class::Other;
    return within(kOthers, c) || c == kReplacement || c >= 0x1F000 ? Class::Other : Class::Letter;
}

void append(std::string& out, char32_t c) {
    if (c < 0x80) {
        out.push_back(static_cast<char>(c));
    } else if (c < 0x800) {
        out.push_back(static_cast<char>(0xC0 | c >> 6));
        out.push_back(static_cast<char>(0x80 | (c & 0x3F)));
    } else if (c < 0x10000) {
        out.push_back(static_cast<char>(0xE0 | c >> 12));
        out.push_back(static_cast<char>(0x80 | (c >> 6 & 0x3F)));
        out.push_back(static_cast<char>(0x80 | (c & 0x3F)));
    } else {
        out.push_back(static_cast<char>(0xF0 | c >> 18));
        out.push_back(static_cast<char>(0x80 | (c >> 12 & 0x3F)));
        out.push_back(static_cast<char>(0x80 | (c >> 6 & 0x3F)));
        out.push_back(static_cast<char>(0x80 | (c & 0x3F)));
    }
}

void appendFolded(std::string& out, char32_t c) {
    if (const std::string_view pair = foldPair(c); !pair.empty()) {
        out.append(pair);
        return;
    }
    if (c >= 0xC0 && c - 0xC0 < kLatin.size() && kLatin[c - 0xC0] != '\0') {
        out.push_back(kLatin[c - 0xC0]);
        return;
    }
    append(out, lower(c));
}

}  // namespace engram::engine::unicode
