#include "vocabulary.hpp"

#include <algorithm>
#include <mutex>

namespace engram::storage_sqlite {

void Vocabulary::keep(const std::vector<std::string>& words, uint64_t upto) {
    std::vector<Word> made;
    made.reserve(words.size());
    for (const std::string& word : words) made.emplace_back(word);
    std::unique_lock lock(mutex_);
    if (reach_ && *reach_ >= upto) return;
    words_ = std::move(made);
    reach_ = upto;
}

void Vocabulary::add(const std::vector<const std::string*>& words, uint64_t from, uint64_t upto) {
    std::unique_lock lock(mutex_);
    if (!reach_) return;
    if (*reach_ < from) {
        reach_.reset();
        words_ = {};
        return;
    }
    const auto known = static_cast<std::ptrdiff_t>(words_.size());
    for (const std::string* word : words) {
        if (!EditDistance::isWord(*word)) continue;
        const auto end = words_.begin() + known;
        const auto at = std::lower_bound(words_.begin(), end, *word, [](const Word& w, const std::string& text) { return w.text < text; });
        if (at == end || at->text != *word) words_.emplace_back(*word);
    }
    std::inplace_merge(words_.begin(), words_.begin() + known, words_.end());
    reach_ = std::max(*reach_, upto);
}

void Vocabulary::forget() {
    std::unique_lock lock(mutex_);
    reach_.reset();
    words_ = {};
}

}  // namespace engram::storage_sqlite
