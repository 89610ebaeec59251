// The words of a tenant's folded index, in memory, for questions that no index answers (which words are like this one?).
//
// Made by the first such question, so that a tenant that is never asked one pays nothing; folding adds to it. It may hold
// words that are in no record any more, but none is missing up to the row number it reaches. Locks itself; any thread.
#pragma once

#include <engram/cpp/edit_distance.hpp>

#include <cstdint>
#include <optional>
#include <shared_mutex>
#include <string>
#include <vector>

namespace engram::storage_sqlite {

class Vocabulary {
public:
    // Calls word(text) for each that may be within the distance, in order of bytes; false if it does not reach as far as row
    // number `upto`.
    template <class F>
    bool each(uint64_t upto, const EditDistance& distance, F&& word) const {
        std::shared_lock lock(mutex_);
        if (!reach_ || *reach_ < upto) return false;
        for (const Word& one : words_)
            if (distance.mayReach(one.outline)) word(one.text);
        return true;
    }
    // All words up to a row number, ascending. What reaches farther is kept instead.
    void keep(const std::vector<std::string>& words, uint64_t upto);
    // Words, ascending, of the rows that follow `from`, up to `upto`; forgets everything if words between are missing.
    void add(const std::vector<const std::string*>& words, uint64_t from, uint64_t upto);
    void forget();

private:
    struct Word {
        explicit Word(const std::string& of) : text(of), outline(EditDistance::outlineOf(of)) {}
        std::string text;
        EditDistance::Outline outline;
        bool operator<(const Word& other) const { return text < other.text; }
    };

    mutable std::shared_mutex mutex_;
    std::optional<uint64_t> reach_;  // nothing: not made yet
    std::vector<Word> words_;
};

}  // namespace engram::storage_sqlite
