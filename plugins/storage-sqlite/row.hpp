// A row of `versions` as a record of the ABI, and as the fields of the filter language. One thread.
#pragma once

#include "codec.hpp"
#include "connection.hpp"
#include "metadata.hpp"

#include <engram/cpp/filter.hpp>
#include <engram/storage.h>

#include <optional>
#include <string>
#include <vector>

namespace engram::storage_sqlite {

constexpr int64_t kCurrent = INT64_MAX;  // lsn_to of a current version

// Columns in the order that Row reads.
#define ENGRAM_ROW_COLUMNS                                                                                       \
    "rid, id, kind, workspace, name, type, parent, position, text, metadata, tags, importance, occurred_at, "    \
    "created_at, updated_at, expires_at, valid_from, valid_until, length, deleted, version, lsn_to, terms, vectors, " \
    "pinned"

// Borrows from the statement until its next step.
class Row {
public:
    explicit Row(const Statement& statement) : s_(statement) {}

    uint64_t rid() const { return static_cast<uint64_t>(s_.integer(0)); }
    uint64_t lsnTo() const { return lsnOf(s_.integer(21)); }
    bool deleted() const { return s_.integer(19) != 0; }
    bool pinned() const { return s_.integer(24) != 0; }
    engram_time createdAt() const { return time(13); }

    // Carries what `want` asks for; valid until the row moves on or ends. Throws SqliteError for a damaged blob.
    const engram_record* record(uint32_t want);

    // For filter::Evaluator.
    const std::vector<std::string>& tags();
    std::optional<filter::Scalar> field(const engram_filter_node& node);
    bool anyElement(const engram_filter_node& node, const filter::ElementTest& test);

    static uint64_t lsnOf(int64_t lsn_to) { return lsn_to == kCurrent ? ENGRAM_LSN_MAX : static_cast<uint64_t>(lsn_to); }

private:
    engram_time time(int column) const;
    engram_uuid uuid(int column) const;
    const Metadata& metadata();

    const Statement& s_;
    std::vector<std::string> tags_;
    bool tags_read_ = false;
    std::optional<Metadata> metadata_;
    std::string text_;
    std::vector<engram_str> tag_views_;
    std::vector<TermCount> term_views_;
    std::vector<engram_term> terms_;
    std::vector<std::vector<float>> components_;
    std::vector<engram_vector> vectors_;
    engram_record record_{};
};

}  // namespace engram::storage_sqlite
