// Texts that many rows share, kept once and known by number. Counts who uses a text: when the last one gives it back, its
// bytes are gone and its number is used again. Guarded by who owns it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace engram::storage_sqlite {

class SharedTexts {
public:
    uint32_t take(std::string_view text);
    void giveBack(uint32_t number);
    const std::string& text(uint32_t number) const { return entries_[number]->first; }
    size_t bytes() const { return bytes_; }  // of memory taken, about
    // What one more text may take, at most.
    static size_t bytesOf(std::string_view text) { return kEntryBytes + text.size(); }

private:
    static constexpr size_t kEntryBytes = 96;  // of an entry beside its text: a node of the map, its bucket and its number
    struct Use {
        uint32_t number;
        uint32_t rows;
    };
    using Entries = std::unordered_map<std::string, Use>;

    Entries uses_;
    std::vector<Entries::value_type*> entries_;  // by number; nullptr: not in use
    std::vector<uint32_t> free_;
    size_t bytes_ = 0;
};

}  // namespace engram::storage_sqlite
