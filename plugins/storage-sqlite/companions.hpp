// Which rows are in a group with which, by the marks among their terms (ENGRAM_GROUP_MARK), in memory: eight bytes a row and
// some hundred a group. Guarded by the tenant's index lock, as Facts are.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace engram::storage_sqlite {

class Companions {
public:
    static constexpr uint32_t kNoGroup = 0;

    // Places of a group ascend. Encoded terms without a mark: the row is in no group.
    void add(uint32_t place, std::string_view terms);
    void addMarked(uint32_t place, std::string_view mark);
    void remove(uint32_t place);

    uint32_t groupOf(uint32_t place) const { return place < group_of_.size() ? group_of_[place] : kNoGroup; }
    const std::vector<uint32_t>& places(uint32_t group) const { return groups_[group].places; }  // closed versions too

private:
    struct Group {
        std::string mark;
        std::vector<uint32_t> places;
    };
    std::vector<Group> groups_{Group{}};
    std::unordered_map<std::string, uint32_t> numbers_;  // by mark
    std::vector<uint32_t> group_of_;                     // by place; as long as the last row that is in a group needs
};

}  // namespace engram::storage_sqlite
