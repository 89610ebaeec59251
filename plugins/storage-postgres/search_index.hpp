// What searches and listings need of one tenant's rows, in memory: who sees which version, words, vectors.
//
// A copy that follows the tables: ensure() reads what was written since, by this node or another, before a view is
// answered from it. Loaded by the first read that needs it; dropping it loses nothing. Any thread; readers hold the
// shared lock while they look.
#pragma once

#include "reading.hpp"

#include <engram/storage.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace engram::storage_postgres {

struct RowFacts {
    uint64_t rid = 0;  // = lsn_from; 0: purged
    uint64_t lsn_to = ENGRAM_LSN_MAX;
    engram_uuid id{};
    engram_time created_at = 0, updated_at = 0, occurred_at = 0, expires_at = 0, valid_from = 0, valid_until = 0;
    double importance = 0;
    uint32_t workspace = 0, type = 0;  // numbers of Names
    uint32_t tags = 0;                 // number of TagSets
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
    size_t size() const { return texts_.size(); }

private:
    std::unordered_map<std::string, uint32_t> numbers_;
    std::vector<std::string> texts_;
};

// The tags of rows: those with the same tags in the same order share a number.
class TagSets {
public:
    uint32_t number(std::string_view encoded);  // as they stand in the table
    // Throws PostgresError (XX001) for bytes that this plugin did not write: who asks for no tags is not concerned.
    const std::vector<std::string>& tags(uint32_t number) const;
    size_t size() const { return sets_.size(); }
    size_t bytes() const { return bytes_; }

private:
    std::unordered_map<std::string, uint32_t> numbers_;
    std::vector<std::optional<std::vector<std::string>>> sets_;  // nothing: damaged
    size_t bytes_ = 0;
};

struct Totals {  // of the live records of a workspace and kind
    uint64_t documents = 0, length = 0;
};

struct Posting {
    uint32_t slot;  // place in rows()
    uint32_t tf;
};

// The vectors of one space, and the scan over them.
class VectorSet {
public:
    explicit VectorSet(uint32_t dimensions) : dimensions_(dimensions) {}
    void put(uint32_t slot, std::string_view codes);  // instead of the one there; of another size: ignored
    uint32_t dimensions() const { return dimensions_; }
    size_t bytes() const { return slots_.size() * (dimensions_ + 48); }
    // Calls `scored` with each row's slot and cosine; rows and queries without a direction have none.
    // The query is rounded as the rows are.
    void scan(const float* query, const std::function<void(uint32_t slot, float similarity)>& scored) const;
    // The cosine without rounding the query; nothing for a row that is not here. inverse: 1 / length of the query.
    std::optional<float> similarity(uint32_t slot, const float* query, float inverse) const;

    uint64_t upto = 0, fills = 0;  // LSN, and count of the tenant's fills, that are in it

private:
    uint32_t dimensions_;
    std::unordered_map<uint32_t, size_t> places_;
    std::vector<uint32_t> slots_;
    std::vector<float> norms_;
    std::string codes_;
};

class SearchIndex {
public:
    // What a read needs beside the facts of rows.
    struct Needs {
        enum class Words { No, Yes } words = Words::No;
        uint32_t space = 0, dimensions = 0;  // space 0: no vectors
        uint64_t fills = 0;                  // of the tenant, when the view began
    };

    // Everything up to `upto` (a committed LSN) is there for as long as the lock that is returned is held. Throws
    // PostgresError. Call without locks.
    std::shared_lock<std::shared_mutex> ensure(Session& session, const engram_uuid& tenant, std::string_view incarnation,
                                               uint64_t upto, const Needs& needs);
    size_t bytes() const { return bytes_.load(); }
    uint64_t lag(uint64_t lsn) const;  // LSNs not read yet; 0 if nothing was ever asked for

    // Under the lock of ensure():
    const std::vector<RowFacts>& rows() const { return rows_; }  // ascending rid, but for purged ones
    const RowFacts* find(uint64_t rid) const;                    // nullptr: no such row, or purged
    std::optional<uint32_t> slotOf(uint64_t rid) const;
    const std::map<std::string, std::vector<Posting>, std::less<>>& postings() const { return postings_; }
    const VectorSet* vectors(uint32_t space) const;
    // The rows in a group with that of the slot (see ENGRAM_GROUP_MARK); nullptr: it is in none. Needs words.
    const std::vector<Posting>* groupOf(uint32_t slot) const;
    // Of the state at exactly this LSN; nothing if the index has gone on, and rows must be counted.
    std::optional<Totals> totals(uint64_t at, uint32_t workspace, uint32_t kind) const;
    Names workspaces, types;
    TagSets tag_sets;

private:
    bool has(std::string_view incarnation, uint64_t upto, const Needs& needs) const;
    void follow(Session& session, const engram_uuid& tenant, std::string_view incarnation, uint64_t upto);
    void followWords(Session& session, const engram_uuid& tenant, uint64_t upto);
    void followVectors(Session& session, const engram_uuid& tenant, uint64_t upto, const Needs& needs);
    void forget(const Result& purges);
    void addFacts(const Result& rows, uint64_t upto);
    void close(RowFacts& row, uint64_t lsn_to);
    void count(const RowFacts& row, int sign);
    void reset();
    void weigh();

    std::mutex loading_;  // one thread at a time reads what is new; before mutex_
    std::shared_mutex mutex_;
    std::string incarnation_;
    std::vector<RowFacts> rows_;
    std::vector<uint64_t> rids_;  // of rows_, also of purged ones
    std::map<std::string, std::vector<Posting>, std::less<>> postings_;
    std::vector<const std::vector<Posting>*> group_of_;  // by slot, of postings_; as long as the last row in one needs
    std::map<uint32_t, VectorSet> vectors_;
    std::unordered_map<uint64_t, Totals> totals_;
    size_t n_postings_ = 0, purged_ = 0;
    std::atomic<uint64_t> facts_upto_{0}, words_upto_{0}, purges_upto_{0};
    std::atomic<size_t> bytes_{0};
};

}  // namespace engram::storage_postgres
