// Words that stand in for one that no memory has: most likely it is misspelt. Any thread; the view by one.
//
// Memories are stored by their stems, so a slip is looked for in two places: within the stem (a stem at a small edit
// distance), and in the ending ("meetign"), where it hides the ending from the stemmer and the stem is far off.
#pragma once

#include "engine/storage.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace engram::engine {

struct StandIn {
    std::string term;
    uint32_t distance = 1;  // characters that are inserted, left out, replaced or swapped
    uint64_t df = 0;
    double weight() const { return distance == 1 ? 0.5 : 0.25; }  // of its score, beside that of a word as it is written
};

// The edits that a term may be away: 0 for numbers, for what is short, and for what is no word; 2 from eight letters on.
uint32_t editsAllowed(std::string_view term);

// Stems of what the term may mean if one of the usual English endings is misspelt in it. Ascending.
std::vector<std::string> stemsOfEndings(std::string_view term);

// At most three, all at the smallest distance that any is at; most frequent first, then by bytes. Of the scope's kind and
// workspaces, whatever its filter. None from a storage that cannot look for similar terms.
Result<std::vector<StandIn>> standInsFor(const StorageBinding& storage, const View& view, ArenaCall& call,
                                         const engram_scope& scope, const std::string& term);

}  // namespace engram::engine
