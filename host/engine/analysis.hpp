// Text to terms: the same for what is stored and what is asked. Deterministic; any thread.
//
// Words are runs of letters and digits (Unicode), lower-cased, Latin accents removed, stemmed as English (Snowball);
// scripts without spaces (CJK, Thai) become overlapping pairs of characters. Bytes that are not UTF-8 separate words.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace engram::engine {

struct Term {
    std::string text;  // at most 64 bytes
    uint32_t count;
};

struct Analysis {
    std::vector<Term> terms;  // distinct, in order of first appearance
    uint32_t length = 0;      // terms with repetitions
};

Analysis analyse(std::string_view text);

// As analyse, but leaves words out that say nothing in a question ("what", "the"), unless nothing else is there.
Analysis analyseQuery(std::string_view text);

// A word that says nothing in a question.
bool isStopWord(std::string_view word);

}  // namespace engram::engine
