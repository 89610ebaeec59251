// When two memories are the same, and how alike two are that are not.
//
// The same: equal texts in one workspace once Unicode is normalised (NFC) and white space folded (runs become one space, none
// at the ends); case counts. Alike: the share of words (terms of the analysis) that they have in common. Pure but for
// findSame and findAlike, which read a view; any thread.
#pragma once

#include "engine/memory.hpp"
#include "engine/storage.hpp"

#include <engram/cpp/result.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace engram::engine {

// The text that is compared. Bytes that are not UTF-8 stay as they are.
std::string canonicalText(std::string_view content);

// The term under which a memory is found by its canonical text; no word of any text.
std::string sameTextTerm(std::string_view canonical);
// The unique name that a memory bears in its workspace which was written on the condition that no other has its text.
std::string sameTextName(std::string_view canonical);

// What the view knows of a text: a live memory of the workspace with it, and who holds its name though expired.
struct Same {
    std::optional<Memory> memory;
    std::optional<Memory> expired_holder;
};
Result<Same> findSame(const StorageBinding& storage, const View& view, ArenaCall& call, const std::string& workspace,
                      std::string_view canonical, int64_t now);

// The memory `there` with what `given` adds: tags united, members of metadata of the newer over those of the older, the
// greater importance. Nothing else changes.
Memory merged(Memory there, const MemoryFields& given);

struct Alike {
    Memory memory;
    double score = 0;  // words in common by words in either (Jaccard), 0 to 1
    enum class Kind { Near, Same } kind = Kind::Near;
};
// Memories of `of`'s workspace that share at least `threshold` of their words with it, best first, ties by id; at most `limit`.
// Looks at those that share enough of its rarest words, at most 256 of them and 8 MiB of text.
Result<std::vector<Alike>> findAlike(const StorageBinding& storage, const View& view, ArenaCall& call, const Memory& of,
                                     double threshold, size_t limit, int64_t now);

}  // namespace engram::engine
