// A storage plugin behind its C ABI, with owned values in and out. A status that a case does not expect fails
// the running test with the plugin's message; the functions named try... hand the status back.
//
// Store may be used by several threads, as the contract says (one apply() at a time); View by one.
#pragma once

#include <engram/cpp/bm25.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "support/plugin_under_test.hpp"
#include "support/temporary_folder.hpp"
#include "target.hpp"
#include "values.hpp"

namespace engram::conformance {

// A plugin with a state folder of its own. Stores must be closed before restart() and before it goes.
class Plugin {
public:
    explicit Plugin(const std::string& path = target().path, const std::string& config = target().config);

    // Stop, destroy, create and start again on the same state folder.
    void restart();
    const engram_storage_v1& table() const { return *table_; }
    void* self() const { return plugin_->self(); }

    engram_status tryErase(const std::string& tenant);
    engram_status tryRestore(const std::string& tenant, const std::string& snapshot);

private:
    std::string path_, config_;
    testing::TemporaryFolder state_;
    testing::FakeHost host_{"under-test", state_.path()};
    std::unique_ptr<testing::PluginUnderTest> plugin_;
    const engram_storage_v1* table_ = nullptr;
};

struct Page {
    std::vector<Record> rows;
    std::string next;
};

struct Listing {
    Scope scope{};
    uint32_t order = ENGRAM_ORDER_CREATED, descending = 0, limit = 100;
    uint32_t want = ENGRAM_WANT_TEXT | ENGRAM_WANT_METADATA;
    std::string cursor{};
};

struct Terms {
    std::vector<uint64_t> df;
    uint64_t documents = 0, total_length = 0;
    bool operator==(const Terms&) const = default;
};

struct SimilarTerm {
    std::string text;
    uint32_t distance = 0;
    uint64_t df = 0;
    bool operator==(const SimilarTerm&) const = default;
};

struct Posting {
    uint64_t rid = 0;
    std::vector<uint32_t> tf;
    uint32_t length = 0;
};

struct Group {
    size_t index = 0;  // of the first rid asked for that is in it
    std::vector<engram_member> members;
};

struct Space {
    uint32_t id, dimensions, active;
    std::string name;
    uint64_t covered;
};

constexpr uint32_t kWantAll =
    ENGRAM_WANT_TEXT | ENGRAM_WANT_METADATA | ENGRAM_WANT_TERMS | ENGRAM_WANT_VECTORS;

class Store;

class View {
public:
    View(const Store& store, uint64_t handle, uint64_t lsn) : store_(store), handle_(handle), lsn_(lsn) {}
    View(const View&) = delete;
    ~View();

    uint64_t lsn() const { return lsn_; }
    // The record as the view sees it, or nothing.
    std::optional<Record> get(const Id& id, uint32_t want = kWantAll) const;
    std::optional<Record> byRid(uint64_t rid) const;
    std::optional<Record> byName(const std::string& workspace, uint32_t kind, const std::string& name) const;
    std::vector<std::pair<size_t, Record>> get(const std::vector<engram_ref>& refs, uint32_t want) const;
    Page list(const Listing& listing) const;
    engram_status tryList(const Listing& listing, Page& page) const;
    // Every page of a listing, one after the other.
    std::vector<Record> listAll(Listing listing) const;
    std::vector<Record> history(const Id& id) const;
    std::vector<Edge> edges(const Id& id, uint32_t incoming) const;
    Terms terms(const Scope& scope, const std::vector<std::string>& terms) const;
    std::vector<std::pair<std::string, uint64_t>> expand(const Scope& scope, const std::string& prefix,
                                                         uint32_t limit) const;
    // Nothing if the plugin leaves similar_terms out.
    std::optional<std::vector<SimilarTerm>> similarTerms(const Scope& scope, const std::string& term, uint32_t most,
                                                         uint32_t limit) const;
    engram_status trySimilarTerms(const std::string& term, uint32_t most, uint32_t limit) const;
    // Nothing if the plugin leaves companions out.
    std::optional<std::vector<Group>> companions(const Scope& scope, const std::vector<uint64_t>& rids, uint64_t most) const;
    std::vector<Posting> match(const Scope& scope, const std::vector<std::string>& terms) const;
    // Id and rid of what unfilled() pushes.
    std::vector<std::pair<Id, uint64_t>> unfilled(uint32_t space, uint32_t kind = ENGRAM_KIND_MEMORY, uint64_t after = 0,
                                                  uint32_t limit = 10000) const;
    engram_status tryUnfilled(uint32_t space, uint32_t limit) const;
    // Nothing if the plugin leaves match_best out. Weights: one a term.
    std::optional<std::vector<Posting>> matchBest(const Scope& scope, const std::vector<std::string>& terms,
                                                  const Bm25& bm25, const std::vector<double>& weights,
                                                  uint32_t keep) const;
    engram_status tryMatchBest(const engram_ranking& ranking, const std::vector<std::string>& terms) const;
    std::vector<engram_neighbour> nearest(const Scope& scope, uint32_t space,
                                          const std::vector<float>& vector, uint32_t k) const;
    engram_status tryNearest(const Scope& scope, uint32_t space, const std::vector<float>& vector,
                             uint32_t k) const;

    const Store& store() const { return store_; }
    uint64_t handle() const { return handle_; }

private:
    const Store& store_;
    uint64_t handle_, lsn_;
};

class Store {
public:
    explicit Store(Plugin& plugin, std::string tenant = "018f0000-0000-7000-8000-000000000001");
    Store(const Store&) = delete;
    ~Store() { close(); }

    void close();
    void open();

    Outcome apply(const Batch& batch);
    Outcome apply(const engram_batch& batch);
    std::vector<Outcome> apply(const std::vector<Batch>& batches);
    // One batch of these ops, which must be done.
    Outcome write(std::vector<Op> ops);

    std::unique_ptr<View> view(uint64_t at = ENGRAM_LSN_MAX, uint64_t at_least = 0) const;
    engram_status tryView(uint64_t at, uint64_t at_least) const;

    uint64_t lsn() const;
    std::map<std::string, uint64_t> counters() const;  // without those that are 0
    std::vector<Change> changes(uint64_t after = 0, uint32_t limit = 100000, uint32_t wait_ms = 0) const;
    engram_status tryChanges(uint64_t after) const;
    uint32_t createSpace(const std::string& name, uint32_t dimensions);
    std::vector<Space> spaces() const;
    engram_status activate(uint32_t space);
    engram_status prepare(uint32_t space);
    engram_status drop(uint32_t space);
    // Optional functions: a plugin that has none of them is let off.
    bool fillsLater() const;
    engram_status tryFill(uint32_t space, const std::vector<std::pair<uint64_t, std::vector<float>>>& fills, uint64_t& filled);
    uint64_t fill(uint32_t space, const std::vector<std::pair<uint64_t, std::vector<float>>>& fills);
    std::string snapshot() const;
    // The plugin's own check, if it has one, must find nothing.
    void check() const;

    Plugin& plugin() const { return plugin_; }
    const engram_storage_v1& table() const { return plugin_.table(); }
    void* self() const { return plugin_.self(); }
    uint64_t handle() const { return handle_; }

private:
    Plugin& plugin_;
    std::string tenant_;
    uint64_t handle_ = 0;
    bool open_ = false;
};

// A plugin with one tenant open: what most cases start from.
struct Fresh {
    Plugin plugin;
    Store store{plugin};
};

// Fails the running test unless the status is the one expected.
void expect(engram_status expected, engram_status status, const std::string& message);

}  // namespace engram::conformance
