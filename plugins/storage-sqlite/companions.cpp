#include "companions.hpp"

#include "codec.hpp"

#include <engram/record.h>

#include <algorithm>

namespace engram::storage_sqlite {

void Companions::add(uint32_t place, std::string_view terms) {
    std::vector<TermCount> decoded;
    decodeTerms(terms, decoded);
    const auto mark =
        std::find_if(decoded.begin(), decoded.end(), [](const TermCount& t) { return t.term.starts_with(ENGRAM_GROUP_MARK); });
    if (mark != decoded.end()) addMarked(place, mark->term);
}

void Companions::addMarked(uint32_t place, std::string_view mark) {
    const auto [number, fresh] = numbers_.emplace(std::string(mark), static_cast<uint32_t>(groups_.size()));
    if (fresh) groups_.push_back({number->first, {}});
    groups_[number->second].places.push_back(place);
    if (group_of_.size() <= place) group_of_.resize(place + 1, kNoGroup);
    group_of_[place] = number->second;
}

void Companions::remove(uint32_t place) {
    if (groupOf(place) == kNoGroup) return;
    Group& group = groups_[group_of_[place]];
    group_of_[place] = kNoGroup;
    std::erase(group.places, place);
    if (!group.places.empty()) return;
    numbers_.erase(group.mark);
    group = {};
}

}  // namespace engram::storage_sqlite
