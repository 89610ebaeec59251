#include "shared_texts.hpp"

namespace engram::storage_sqlite {

uint32_t SharedTexts::take(std::string_view text) {
    const auto [it, fresh] = uses_.emplace(std::string(text), Use{0, 0});
    if (fresh) {
        if (free_.empty()) {
            free_.push_back(static_cast<uint32_t>(entries_.size()));
            entries_.push_back(nullptr);
        }
        it->second.number = free_.back();
        free_.pop_back();
        entries_[it->second.number] = &*it;
        bytes_ += bytesOf(text);
    }
    ++it->second.rows;
    return it->second.number;
}

void SharedTexts::giveBack(uint32_t number) {
    Entries::value_type& entry = *entries_[number];
    if (--entry.second.rows > 0) return;
    bytes_ -= bytesOf(entry.first);
    entries_[number] = nullptr;
    free_.push_back(number);
    uses_.erase(uses_.find(entry.first));
}

}  // namespace engram::storage_sqlite
