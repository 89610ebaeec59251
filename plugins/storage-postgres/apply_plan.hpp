// What batches do to a tenant, decided in memory before anything is written: so that a refused batch costs nothing and
// the others of the call go in one piece. Knows no SQL. One thread; the records and edges are borrowed from the caller.
#pragma once

#include <engram/storage.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

namespace engram::storage_postgres {

struct Applied {  // what engram_apply_result tells
    uint32_t outcome = ENGRAM_APPLY_DONE;
    uint64_t lsn = 0, first_lsn = 0, current_version = 0, current_count = 0, count_before = 0;
    uint32_t failed_op = 0, failed_limit = 0;
    std::string message, answer;
};

constexpr size_t kStored = SIZE_MAX;  // not among the pending ones: it is in the table

struct Newest {  // of a record
    uint64_t rid = 0, version = 0, bytes = 0;
    uint32_t kind = 0, deleted = 0;
    std::string workspace, type, name;
    engram_time created_at = ENGRAM_TIME_NONE;
    size_t pending = kStored;
};

struct LiveEdge {  // or the tombstone of one
    uint64_t lsn = 0;
    uint32_t deleted = 0;
    size_t pending = kStored;
};

struct KnownKey {
    std::string hash, answer;
    uint64_t first_lsn = 0, lsn = 0;
    engram_time expires = 0;
};

using Name = std::tuple<std::string, uint32_t, std::string>;      // workspace, kind, name
using EdgeKey = std::tuple<std::string, std::string, std::string>;  // from, to, type

// The tenant as far as the batches touch it.
struct TenantState {
    uint64_t lsn = 0;
    std::map<uint32_t, uint32_t> dimensions;      // by space
    std::map<std::string, Newest> newest;         // by id, as bytes
    std::map<Name, std::string> names;            // of live records, to their ids
    std::map<EdgeKey, LiveEdge> edges;
    std::map<std::string, KnownKey> keys;
    std::multimap<std::string, std::string> keys_of_record;  // of those, by the record whose versions they wrote
    std::map<std::string, int64_t> counters;      // those that limits name
};

struct PendingRow {
    engram_record record;         // of a tombstone: id and updated_at
    std::string workspace, type;  // of a tombstone
    uint32_t kind = 0, deleted = 0;
    engram_time created_at = ENGRAM_TIME_NONE;
    uint64_t lsn = 0, closes = 0, version = 0, lsn_to = ENGRAM_LSN_MAX;
    bool dropped = false;  // purged again by the same call
};

struct PendingEdge {
    engram_edge edge;
    uint32_t deleted = 0;
    uint64_t lsn = 0, lsn_to = ENGRAM_LSN_MAX;
    bool dropped = false;
};

class ApplyPlan {
public:
    explicit ApplyPlan(TenantState state) : state_(std::move(state)) {}

    // Empty, or why the batch is malformed. Looks at the state's dimensions alone.
    static std::string complaint(const engram_batch& batch, const std::map<uint32_t, uint32_t>& dimensions);
    // Decides one well-formed batch after the other.
    Applied add(const engram_batch& batch);

    // What is to be written: purges first, then closings, then rows.
    uint64_t lsn() const { return state_.lsn; }
    bool changes() const { return changes_; }
    std::map<std::string, uint64_t> purged;                // id -> lsn
    std::vector<std::pair<uint64_t, uint64_t>> closed_rows, closed_edges;  // rid or lsn, lsn_to
    std::vector<PendingRow> rows;
    std::vector<PendingEdge> edges;
    std::map<std::string, KnownKey> new_keys;
    engram_time keys_expire_before = ENGRAM_TIME_NONE;
    std::map<std::string, int64_t> counts;                 // what to add

private:
    bool seen(const engram_batch& batch, Applied& applied) const;
    bool addOp(const engram_op& op, uint32_t replay, Applied& applied);
    bool put(const engram_op& op, uint32_t replay, Applied& applied);
    bool remove(const engram_op& op, uint32_t replay, Applied& applied);
    bool purge(const engram_op& op, uint32_t replay, Applied& applied);
    bool writeEdge(const engram_op& op, uint32_t replay, Applied& applied);
    bool withinLimits(const engram_batch& batch, const std::vector<int64_t>& before, Applied& applied) const;
    uint64_t nextLsn(uint32_t replay, uint64_t given) const;
    void close(const std::string& id, const Newest& last);
    void insert(PendingRow row);
    void forgetAnswers(const std::string& id);
    void count(uint32_t kind, const std::string& workspace, uint64_t bytes, int sign);
    int64_t counter(const std::string& name) const;
    // Sets a value so that a refused batch puts it back.
    template <class T>
    void set(T& place, T value);
    template <class Map>
    void set(Map& map, const typename Map::key_type& key, std::optional<typename Map::mapped_type> value);
    void takeBack();

    TenantState state_;
    bool changes_ = false;
    std::vector<std::function<void()>> undo_;
};

}  // namespace engram::storage_postgres
