// What changed between two texts, word by word. Pure; any thread.
//
// Myers, "An O(ND) Difference Algorithm and Its Variations" (1986), over words and the white space between them. Texts that
// differ in more than a bounded number of places are told as one change between what begins and what ends alike.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace engram::engine {

struct Hunk {
    uint64_t at_old = 0, at_new = 0;  // where it begins, in Unicode characters
    std::string removed, added;       // one of them may be empty
};

// In the order of the texts; none if they are equal.
std::vector<Hunk> diffWords(std::string_view old_text, std::string_view new_text);

}  // namespace engram::engine
