// What the suite says to a storage plugin and hears from it, as owned values, and their lowering to the C
// ABI.
#pragma once

#include <engram/storage.h>

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace engram::conformance {

using Id = std::array<uint8_t, 16>;

// Ids that sort as their numbers do.
Id idOf(uint64_t number);
Id idOf(const engram_uuid& id);
engram_uuid abiId(const Id& id);
std::string uuidText(const Id& id);

struct Record {
    Id id{};
    uint32_t kind = ENGRAM_KIND_MEMORY;
    std::string workspace = "default", name, type, text, metadata;
    Id parent{};
    uint64_t position = 0;
    std::vector<std::string> tags;
    double importance = 0.5;
    engram_time occurred_at = ENGRAM_TIME_NONE, created_at = 1000, updated_at = 1000,
                expires_at = ENGRAM_TIME_NONE, valid_from = ENGRAM_TIME_NONE, valid_until = ENGRAM_TIME_NONE;
    std::map<std::string, uint32_t> terms;
    std::map<uint32_t, std::vector<float>> vectors;  // by space
    uint32_t length = 0, deleted = 0, pinned = 0;
    uint64_t version = 0, lsn_from = 0, lsn_to = 0;
    uint64_t rid = 0;
};

struct Edge {
    Id from{}, to{};
    std::string type = "about", metadata;
    double weight = 1;
    engram_time valid_from = ENGRAM_TIME_NONE, valid_until = ENGRAM_TIME_NONE, created_at = 1000;
    uint32_t deleted = 0;
    uint64_t lsn_from = 0, lsn_to = 0;
};

struct Change {
    uint32_t kind = 0;
    uint64_t lsn = 0;
    Record record;
    Edge edge;
    bool isEdge() const { return kind == ENGRAM_CHANGE_PUT_EDGE || kind == ENGRAM_CHANGE_DELETE_EDGE; }
};

Record recordOf(const engram_record& record);
Edge edgeOf(const engram_edge& edge);
Change changeOf(const engram_change& change);

// One line with everything but rid, which is each store's own.
std::string show(const Record& record);
std::string show(const Edge& edge);
std::string show(const Change& change);
std::string show(const std::vector<Record>& records);

struct Op {
    uint32_t kind = ENGRAM_OP_PUT;
    Record record;
    Edge edge;
    uint64_t expected = ENGRAM_VERSION_ANY;
};

Op put(Record record, uint64_t expected = ENGRAM_VERSION_ANY);
Op remove(const Id& id, uint64_t expected = ENGRAM_VERSION_ANY, engram_time at = 2000);
Op purge(const Id& id);
Op putEdge(Edge edge);
Op removeEdge(Edge edge);
// The op that makes `change` again in another store, with REPLAY.
Op replayOf(const Change& change);

struct Batch {
    std::vector<Op> ops;
    std::vector<std::pair<std::string, uint64_t>> limits;
    std::string key, hash = std::string(32, 'h'), answer;
    engram_time now = 1000;
    uint32_t flags = 0;
};

struct Outcome {
    uint32_t outcome = 0;
    uint64_t lsn = 0, first_lsn = 0, current_version = 0, current_count = 0;
    uint32_t failed_op = 0, failed_limit = 0;
    std::string message, answer;
};
// What two stores must agree in: fields that have a meaning for the outcome; of the message only whether
// there is one.
std::string show(const Outcome& outcome);

struct Value {
    uint32_t type = ENGRAM_VALUE_STRING;
    std::string text;
    int64_t integer = 0;
    double real = 0;
    bool boolean = false;
};
Value text(std::string value);
Value integer(int64_t value);
Value real(double value);
Value boolean(int value);

struct Condition {
    uint32_t op = ENGRAM_AND, field = 0;
    std::string path;
    std::vector<Value> values;
    std::vector<Condition> children;
};
Condition where(uint32_t field, uint32_t op, std::vector<Value> values);
Condition whereMetadata(std::string path, uint32_t op, std::vector<Value> values);
Condition every(std::vector<Condition> children);
Condition some(std::vector<Condition> children);
Condition negate(Condition child);
std::string show(const Condition& condition);

struct Scope {
    uint32_t kind = ENGRAM_KIND_ANY;
    std::vector<std::string> workspaces;
    std::vector<Condition> filter;  // none or one
};

// The C ABI of the values above. Each lives as long as what it was made from; neither is copied.
class LoweredBatch {
public:
    explicit LoweredBatch(const Batch& batch);
    LoweredBatch(const LoweredBatch&) = delete;
    const engram_batch& abi() const { return batch_; }
    engram_op* ops() { return ops_.data(); }  // for cases that break one on purpose

private:
    const engram_record* lower(const Record& record);
    const engram_edge* lower(const Edge& edge);

    std::vector<engram_op> ops_;
    std::deque<engram_record> records_;
    std::deque<engram_edge> edges_;
    std::deque<std::vector<engram_str>> tags_;
    std::deque<std::vector<engram_term>> terms_;
    std::deque<std::vector<engram_vector>> vectors_;
    std::vector<engram_limit> limits_;
    engram_batch batch_{};
};

class LoweredScope {
public:
    explicit LoweredScope(const Scope& scope);
    LoweredScope(const LoweredScope&) = delete;
    const engram_scope& abi() const { return scope_; }

private:
    void lower(const Condition& root);

    std::vector<engram_str> workspaces_;
    std::vector<engram_filter_node> nodes_;
    std::deque<std::vector<engram_value>> values_;
    engram_scope scope_{};
};

}  // namespace engram::conformance
