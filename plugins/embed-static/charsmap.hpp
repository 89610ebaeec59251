// The table by which SentencePiece replaces characters before it looks for pieces: a double-array trie over UTF-8 and the texts
// that take the place of what it finds (tokenizer.json has it in base64). Hostile until checked: a trie that leads outside of
// itself ends a look-up. Immutable; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace engram::embed_static {

class Charsmap {
public:
    // Throws Malformed: not base64, or shorter than it says.
    explicit Charsmap(std::string_view base64);

    // The text with the longest match at each place replaced.
    std::string apply(std::string_view text) const;

private:
    struct Match {
        size_t length = 0;  // of the text; 0: none
        std::string_view replacement{};
    };
    Match longest(std::string_view text) const;

    std::vector<uint32_t> units_;
    std::string replacements_;  // each ended by NUL
};

}  // namespace engram::embed_static
