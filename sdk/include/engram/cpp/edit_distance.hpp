// How far a term is from another, as similar_terms of storage.h means it: the fewest insertions, deletions, replacements and
// swaps of neighbouring characters, no character edited twice (optimal string alignment: Damerau 1964, Boytsov 2011, 2.1).
// Characters are those of UTF-8; a byte that is not part of one is a character by itself. In one place, so that all storage
// plugins mean the same. Immutable after construction; any thread.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace engram {
inline namespace skin_1 {

class EditDistance {
public:
    static constexpr size_t kMaxBytes = 64;  // of a term; what is longer is far from everything

    // What little can be said of a word without looking at it again: for stores that keep many.
    struct Outline {
        uint64_t kinds;       // of characters, a bit each
        uint32_t characters;
    };
    static Outline outlineOf(std::string_view text) {
        const Characters all(text);
        return {all.kinds, static_cast<uint32_t>(all.n)};
    }
    // Terms that begin with a byte below 0x20 are marks of the host's.
    static bool isWord(std::string_view term) { return term.empty() || static_cast<unsigned char>(term.front()) >= 0x20; }

    // Whether similar_terms may be asked this: a distance of 1 or 2, a limit of 1 to 100, a term of 1 to 64 bytes.
    static bool isQuestion(std::string_view term, uint32_t most, uint32_t limit) {
        return most >= 1 && most <= 2 && limit >= 1 && limit <= 100 && !term.empty() && term.size() <= kMaxBytes;
    }

    // Of `term` to others; distances above `most` (at most 2) are not told apart.
    EditDistance(std::string_view term, uint32_t most) : term_(term), most_(std::min(most, 2u)) {}

    // most + 1 if it is farther away than that.
    uint32_t to(std::string_view other) const {
        const size_t apart = term_.bytes > other.size() ? term_.bytes - other.size() : other.size() - term_.bytes;
        if (apart > 4 * most_ || other.size() > kMaxBytes || term_.bytes > kMaxBytes || !isWord(other)) return most_ + 1;
        const Characters b(other);
        return mayReach({b.kinds, static_cast<uint32_t>(b.n)}) ? align(b) : most_ + 1;
    }

    // False: a word with this outline is farther away than `most`.
    bool mayReach(const Outline& other) const {
        const size_t longer = std::max<size_t>(term_.n, other.characters) - std::min<size_t>(term_.n, other.characters);
        // An edit changes at most two of the kinds of characters that are there.
        return longer <= most_ && static_cast<uint32_t>(std::popcount(term_.kinds ^ other.kinds)) <= 2 * most_;
    }

private:
    struct Characters {
        explicit Characters(std::string_view text) : bytes(text.size()) {
            for (size_t at = 0; at < text.size() && n < kMaxBytes;) {
                const char32_t c = next(text, at);
                kinds |= uint64_t(1) << (c & 63);
                all[n++] = c;
            }
        }
        std::array<char32_t, kMaxBytes> all;  // the first n
        size_t bytes, n = 0;
        uint64_t kinds = 0;
    };

    // Bytes that are not UTF-8 are told from all characters.
    static char32_t next(std::string_view text, size_t& at) {
        const auto first = static_cast<unsigned char>(text[at++]);
        const size_t more = first >= 0xF0 && first < 0xF8 ? 3 : first >= 0xE0 && first < 0xF0 ? 2 : first >= 0xC0 && first < 0xE0 ? 1 : 0;
        if (more == 0) return first < 0x80 ? first : 0x110000u + first;
        char32_t c = first & (0x3Fu >> more);
        for (size_t i = 0; i < more; ++i) {
            if (at + i >= text.size() || (static_cast<unsigned char>(text[at + i]) & 0xC0) != 0x80) return 0x110000u + first;
            c = c << 6 | (static_cast<unsigned char>(text[at + i]) & 0x3Fu);
        }
        at += more;
        return c;
    }

    uint32_t align(const Characters& b) const {
        std::array<std::array<uint32_t, kMaxBytes + 1>, 3> rows;  // the last three, by turns
        for (size_t j = 0; j <= b.n; ++j) rows[0][j] = static_cast<uint32_t>(j);
        for (size_t i = 1; i <= term_.n; ++i) {
            auto& row = rows[i % 3];
            const auto& above = rows[(i + 2) % 3];
            const auto& second = rows[(i + 1) % 3];
            row[0] = static_cast<uint32_t>(i);
            for (size_t j = 1; j <= b.n; ++j) {
                const uint32_t replaced = above[j - 1] + (term_.all[i - 1] == b.all[j - 1] ? 0 : 1);
                row[j] = std::min({above[j] + 1, row[j - 1] + 1, replaced});
                if (i > 1 && j > 1 && term_.all[i - 1] == b.all[j - 2] && term_.all[i - 2] == b.all[j - 1])
                    row[j] = std::min(row[j], second[j - 2] + 1);
            }
        }
        return std::min(rows[term_.n % 3][b.n], most_ + 1);
    }

    const Characters term_;
    const uint32_t most_;
};

}  // namespace skin_1
}  // namespace engram
