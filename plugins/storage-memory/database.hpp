// One tenant's records: every version in a list, every read a plain scan. The oracle: slow and obviously
// right.
//
// All functions need the database's mutex; a view is the LSN it looks at.
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "stored.hpp"

namespace engram::storage_memory {

struct Change {
    uint32_t kind;  // ENGRAM_CHANGE_*
    uint64_t lsn;
    Version version;  // PURGE: id only
    Edge edge;
};

struct KeyEntry {
    std::string request_hash, answer;
    uint64_t first_lsn = 0, lsn = 0;
    engram_time expires = 0;
};

struct Space {
    uint32_t id, dimensions;
    std::string name;
    uint32_t active = ENGRAM_SPACE_IDLE;
};

// What a batch did, as engram_apply_result tells it.
struct Applied {
    uint32_t outcome = ENGRAM_APPLY_DONE;
    uint64_t lsn = 0, first_lsn = 0, current_version = 0, current_count = 0, count_before = 0;
    uint32_t failed_op = 0, failed_limit = 0;
    std::string message, answer;
};

class Database {
public:
    std::mutex mutex;
    std::condition_variable changed;
    unsigned opened = 0;
    bool erased = false;

    uint64_t lsn = 0;
    uint64_t next_rid = 1;
    std::map<Id, std::vector<Version>> records;  // versions, oldest first
    std::vector<Edge> edges;
    std::vector<Change> log;
    std::map<std::string, KeyEntry> keys;
    std::map<std::string, uint64_t> counters;
    std::vector<Space> spaces;
    std::map<std::string, uint64_t> holds;

    Applied apply(const engram_batch& batch);

    // Gives a version a vector; false if it is not a live record's newest.
    bool fill(uint64_t rid, uint32_t space, const std::vector<float>& vector);

    // The version of a record that a view at `at` sees, tombstones too.
    const Version* find(const Id& id, uint64_t at) const;
    // Every version visible at `at` that is in the scope, in order of rid.
    std::vector<const Version*> visible(const engram_scope& scope, uint64_t at) const;

private:
    std::string malformed(const engram_batch& batch) const;
    bool applyOp(const engram_op& op, bool replay, Applied& applied);
    bool put(const engram_op& op, bool replay, Applied& applied);
    bool remove(const engram_op& op, bool replay, Applied& applied);
    bool purge(const engram_op& op, bool replay, Applied& applied);
    void forget(const Id& id);
    bool writeEdge(const engram_op& op, bool replay, Applied& applied);
    // A replay keeps the LSN it is given where that is still to come.
    uint64_t nextLsn(bool replay, uint64_t given) const;
    bool checkLimits(const engram_batch& batch, const std::map<std::string, uint64_t>& before,
                     Applied& applied) const;
    void count(const Version& version, int sign);
};

}  // namespace engram::storage_memory
