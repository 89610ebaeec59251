// What is known in memory of a tenant's rows: who sees them, and the words of those not yet folded into the file.
//
// Guarded by the tenant: changed under its exclusive index lock, read under the shared one. Segments are immutable, so a
// search may keep using those it has seen.
#pragma once

#include "codec.hpp"
#include "shared_texts.hpp"

#include <engram/storage.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace engram::storage_sqlite {

// Visibility of a row, and the fields that scopes, orders and filters ask about most.
struct RowFacts {
    uint64_t rid = 0;  // = lsn_from; 0: no row
    uint64_t lsn_to = ENGRAM_LSN_MAX;
    engram_uuid id{};
    engram_time created_at = 0, updated_at = 0, occurred_at = ENGRAM_TIME_NONE, expires_at = ENGRAM_TIME_NONE;
    double importance = 0;
    uint32_t workspace = 0;  // its number in Facts
    uint32_t length = 0;
    uint16_t kind = 0;
    uint8_t deleted = 0, pinned = 0;

    bool visibleAt(uint64_t lsn) const { return rid != 0 && rid <= lsn && lsn < lsn_to; }
};

// Texts that many rows share, by number.
class Names {
public:
    uint32_t number(std::string_view name);
    uint32_t known(std::string_view name) const;  // UINT32_MAX if no row has it
    const std::string& text(uint32_t number) const { return texts_[number]; }

private:
    std::unordered_map<std::string, uint32_t> numbers_;
    std::vector<std::string> texts_;
};

struct Totals {  // of the live records of a workspace and kind
    uint64_t documents = 0, length = 0;
};

// A row by its place among the rows that were ever added (a removed one keeps its own), and a term's count in it.
struct PlacedPosting {
    uint32_t place;
    uint32_t tf;
};

// 112 bytes a row and some 100 for each type and each different set of tags.
class Facts {
public:
    static constexpr uint32_t kNowhere = UINT32_MAX;

    // Rows come with ascending row numbers. Type and tags (encoded) are kept once, until the last row that has them is
    // removed.
    void add(const RowFacts& row, std::string_view type = {}, std::string_view tags = {});
    void reserve(size_t rows);  // before they are added
    void close(uint64_t rid, uint64_t lsn_to);
    void remove(uint64_t rid);
    const RowFacts* find(uint64_t rid) const;
    uint32_t placeOf(uint64_t rid) const;  // kNowhere if there is no such row
    uint32_t placesUpTo(uint64_t rid) const;  // how many places have row numbers up to this one
    // Appends postings with ascending row numbers by place; those of rows that are not there are left out.
    void place(const std::vector<Posting>& postings, std::vector<PlacedPosting>& out) const;
    const std::vector<RowFacts>& rows() const { return rows_; }

    // Live rows of the newest state belong to a group, one for each workspace and kind; groups count from 1, 0 is none.
    struct Group {
        uint32_t workspace, kind;
        Totals totals;
    };
    const std::vector<Group>& groups() const { return groups_; }  // [0] is none
    // By place.
    const std::vector<uint32_t>& groupOf() const { return group_of_; }
    const std::vector<uint32_t>& lengths() const { return lengths_; }
    const std::vector<engram_time>& occurredAt() const { return occurred_at_; }  // of the rows; here they stand close together
    const std::vector<uint32_t>& typeOf() const { return type_of_; }
    const std::vector<uint32_t>& tagsOf() const { return tags_of_; }
    // By the number that a row has of them.
    const std::string& type(uint32_t number) const { return types_.text(number); }
    const std::string& tags(uint32_t number) const { return tags_.text(number); }  // encoded
    Totals totals(uint32_t workspace, uint32_t kind) const;
    bool anyExpires() const { return any_expires_; }  // or did
    // How many rows have left their groups: as long as it is the same, so is the group of every row that is there.
    uint64_t departures() const { return departures_; }
    size_t bytes() const;  // of memory taken, without names

    Names workspace_names;

private:
    // Rows that stand one after the other with row numbers that do so too. Numbers have gaps only where an edge or a purge
    // took an LSN.
    struct Run {
        uint64_t rid;  // of the first
        uint32_t place;
    };
    using Runs = std::vector<Run>;
    Runs::const_iterator runOf(uint64_t rid, Runs::const_iterator from) const;
    uint32_t endOf(Runs::const_iterator run) const;
    uint32_t groupNumber(const RowFacts& row);
    void leave(uint32_t place);

    std::vector<RowFacts> rows_;  // ascending rid; a removed row keeps its place with rid 0
    Runs runs_;                   // of rows_, also of removed ones
    std::vector<uint32_t> group_of_, lengths_, type_of_, tags_of_;
    std::vector<engram_time> occurred_at_;
    SharedTexts types_, tags_;
    std::vector<Group> groups_{Group{}};
    std::unordered_map<uint64_t, uint32_t> group_numbers_;
    uint64_t departures_ = 0;
    bool any_expires_ = false;
};

// The words of some rows, inverted.
struct Segment {
    uint64_t first = 0, last = 0;  // row numbers
    size_t rows = 0;
    std::unordered_map<std::string, std::vector<Posting>> postings;
};

using Segments = std::vector<std::shared_ptr<const Segment>>;  // ascending

// Rows whose words are not in the file's index yet.
class Tail {
public:
    void add(uint64_t rid, std::string terms);  // encoded
    size_t rows() const { return pending_.size() + sealed_rows_; }
    // Inverts what has come since; needs the exclusive lock if it returns true from unsealed().
    bool unsealed() const { return !pending_.empty(); }
    void seal();
    const Segments& segments() const { return segments_; }
    // The oldest segments as one, of at most `rows` rows if the first is not longer; how many they are. None: nullptr.
    std::pair<std::shared_ptr<const Segment>, size_t> oldest(size_t rows) const;
    void dropFirst(size_t n);  // they have been folded
    void remove(uint64_t rid);

private:
    struct Pending {
        uint64_t rid;
        std::string terms;
    };
    std::deque<Pending> pending_;
    Segments segments_;
    size_t sealed_rows_ = 0;
};

}  // namespace engram::storage_sqlite
