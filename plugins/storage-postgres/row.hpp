// A row of `versions` or `edges` as the ABI has it, and as the fields of the filter language. One thread.
#pragma once

#include "codec.hpp"
#include "session.hpp"
#include "statements.hpp"

#include <engram/cpp/filter.hpp>
#include <engram/storage.h>

#include <rapidjson/document.h>

#include <optional>
#include <string>
#include <vector>

namespace engram::storage_postgres {

inline uint64_t lsnOf(int64_t lsn_to) { return lsn_to == kCurrent ? ENGRAM_LSN_MAX : static_cast<uint64_t>(lsn_to); }

// Borrows from the result, whose columns are ENGRAM_ROW_COLUMNS.
class Row {
public:
    Row(const Result& result, int row) : r_(result), n_(row) {}

    uint64_t rid() const { return static_cast<uint64_t>(r_.integer(n_, 0)); }
    engram_uuid id() const { return binary::toUuid(r_.bytes(n_, 1)); }
    bool deleted() const { return r_.small(n_, 19) != 0; }
    bool pinned() const { return r_.small(n_, 24) != 0; }
    // What has not been asked for in the query is empty. Valid as long as this row. Throws PostgresError (XX001) for
    // bytes that this plugin did not write.
    const engram_record* record(uint32_t want);

    // For filter::Evaluator; the row was read with ENGRAM_WANT_METADATA, and _TEXT if the filter asks for texts.
    const std::vector<std::string>& tags();
    std::optional<filter::Scalar> field(const engram_filter_node& node);
    bool anyElement(const engram_filter_node& node, const filter::ElementTest& test);

private:
    engram_str str(int column) const { return borrow(r_.bytes(n_, column)); }
    const rapidjson::Value* metadata(std::string_view path);  // null if it leads nowhere
    void readVectors();

    const Result& r_;
    const int n_;
    std::vector<std::string> tags_;
    bool tags_read_ = false, metadata_read_ = false;
    rapidjson::Document metadata_;
    std::string text_;
    std::vector<engram_str> tag_views_;
    std::vector<TermCount> term_views_;
    std::vector<engram_term> terms_;
    std::vector<std::vector<float>> components_;
    std::vector<engram_vector> vectors_;
    engram_record record_{};
};

// An edge of a result with the edge columns.
engram_edge edgeAt(const Result& result, int row);

}  // namespace engram::storage_postgres
