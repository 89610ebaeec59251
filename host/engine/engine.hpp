// The memory engine: validation, writes grouped by tenant, reads on snapshots, search.
//
// Owns meaning; bytes, atomicity and indexes are the storage plugin's. Writes and searches are for lanes (they analyse
// text); get() may run on an io thread. Completions of writes run on writer threads. Any thread.
#pragma once

#include "engine/clock.hpp"
#include "engine/embedders.hpp"
#include "engine/expiry.hpp"
#include "engine/filter.hpp"
#include "engine/memory.hpp"
#include "engine/query_embeddings.hpp"
#include "engine/search.hpp"
#include "engine/storage.hpp"
#include "engine/tenant_writer.hpp"
#include "engine/vector_filler.hpp"
#include "engine/vector_spaces.hpp"

#include <engram/cpp/result.hpp>

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <unordered_map>
#include <vector>

namespace engram::engine {

using WriteDone = std::function<void(Result<Receipt>)>;

struct ReadOptions {
    enum class Thread { Io, Lane };  // Io: never blocks; the Error "again" asks to be repeated on a lane
    uint64_t at_least_lsn = 0;
    Thread thread = Thread::Lane;
};

enum class Order { Created, Updated, Occurred, Importance };
enum class Direction { Ascending, Descending };

struct ListQuery {
    std::vector<std::string> workspaces;  // none = all
    Filter filter;
    Order order = Order::Created;
    Direction direction = Direction::Descending;
    uint32_t limit = 50;  // 1 to 1000; a page ends earlier, at a multiple of 50, once its contents pass 4 MiB
    std::string cursor;   // of the page before
};

struct DuplicatesQuery {
    std::optional<Uuid> id;   // of one memory; else of all of the workspace, page by page
    std::string workspace = "default";
    double threshold = 0.8;   // share of words in common, above 0, to 1
    std::string cursor;       // of the page before
};

struct DuplicatesPage {
    struct Pair {
        Memory first, second;  // the first is the one asked for, or the older
        double score;
        bool same;  // texts are equal but for normalisation and white space
    };
    std::vector<Pair> pairs;
    std::string next_cursor;
};

struct Page {
    std::vector<Memory> memories;
    std::string next_cursor;  // empty = no more
};

struct TenantStats {
    uint64_t lsn = 0, memories = 0, bytes_on_disk = 0, index_lag = 0;
    uint64_t identities = 0, sessions = 0;
    uint64_t content_bytes = 0;                  // text and metadata of live records
    std::map<std::string, uint64_t> workspaces;  // live memories
};

// A tenant's vector spaces, and how far they are filled.
struct Embedding {
    struct Space {
        uint32_t id = 0, dimensions = 0;
        std::string model, embedder;  // embedder empty: none of the configuration has the model
        enum class State { Idle, Active, Next } state = State::Idle;
        uint64_t covered = 0;  // memories that have a vector in it
        uint64_t refused = 0;  // memories whose text its embedder refused since the start
    };
    uint64_t memories = 0;
    std::vector<Space> spaces;
    std::vector<std::pair<std::string, std::string>> embedders;  // name and model, the preferred one first
    std::string failure;  // what the embedder said last, if it fails
};

using QueryVectorDone = std::function<void(Result<QueryVector>)>;

struct Update;
struct CreateOnce;
struct ChangeMany;
struct MergeRequest;

class Engine {
public:
    struct Options {
        WriterThreads::Options writers;
        SearchOptions search;
        VectorFiller::Options filler;
        QueryEmbeddings::Options queries;
        ExpirySweeper::Options expiry;
        unsigned update_attempts = 5;  // read-modify-write without an expected version
    };

    // `embedders` in the order of the configuration; none: searches are lexical.
    Engine(StorageBinding storage, std::vector<EmbedBinding> embedders, const Clock& clock, Options options);
    Engine(const Engine&) = delete;
    ~Engine();

    // memories must have passed validate().
    void create(const std::string& tenant, std::vector<NewMemory> memories, WriteOptions options, WriteDone done);
    // Each by its on_duplicate: duplicate_memory, or what is there is answered with or merged into. Holds against parallel
    // writers, also of other servers on the same database. Several items may meet in one memory.
    void createOnce(const std::string& tenant, std::vector<NewMemory> memories, Items items, WriteOptions options,
                    RenderWritten render, WriteDone done);
    // In one transaction; an id given twice counts once. Together: memory_not_found. batch_too_large.
    void changeMany(const std::string& tenant, std::vector<Uuid> ids, BulkChange change, Items items, WriteOptions options,
                    RenderWritten render, WriteDone done);
    // The first gets the tags, the greater importance, the pin and the metadata that it lacks of the others, is of the
    // permanent tier if one of them is, and names them in "merged_from" of its metadata; they are deleted, all in one
    // transaction. `render` gets what is kept. memory_not_found, invalid_value.
    void merge(const std::string& tenant, Merge merge, WriteOptions options, WriteDone done);
    // memory_not_found, version_conflict.
    void update(const std::string& tenant, const Uuid& id, MemoryPatch patch, std::optional<uint64_t> expected,
                WriteOptions options, WriteDone done);
    void remove(const std::string& tenant, const Uuid& id, std::optional<uint64_t> expected, WriteOptions options,
                WriteDone done);
    // Every version and byte of it goes, live or deleted; nothing brings it back. memory_not_found, version_conflict.
    void purge(const std::string& tenant, const Uuid& id, std::optional<uint64_t> expected, WriteOptions options,
               WriteDone done);
    // not_deleted; brings the last live content back as a new version, also that of a memory which has expired.
    void undelete(const std::string& tenant, const Uuid& id, WriteOptions options, WriteDone done);
    // Makes the memory what it was before its last change, a delete too, as a new version: done twice it is as it was.
    // memory_not_found, nothing_to_undo, version_conflict. The memory that `render` gets may be a deleted one.
    void undo(const std::string& tenant, const Uuid& id, std::optional<uint64_t> expected, WriteOptions options,
              WriteDone done);
    // version_not_found; the content of that version becomes the newest.
    void revert(const std::string& tenant, const Uuid& id, uint64_t version, std::optional<uint64_t> expected,
                WriteOptions options, WriteDone done);
    // Deletes every memory of a workspace; the result is the last LSN.
    void removeWorkspace(const std::string& tenant, const std::string& workspace,
                         std::function<void(Result<uint64_t>)> done);

    Result<Memory> get(const std::string& tenant, const Uuid& id, const ReadOptions& options);
    // Every version, oldest first. memory_not_found.
    Result<std::vector<Memory>> history(const std::string& tenant, const Uuid& id, const ReadOptions& options);
    // invalid_cursor for a cursor of another tenant or query.
    Result<Page> list(const std::string& tenant, const ListQuery& query, const ReadOptions& options);
    // Pairs of memories that are alike, deterministic: of at most 100 memories a page, the 20 that are most alike.
    // memory_not_found, invalid_cursor.
    Result<DuplicatesPage> duplicates(const std::string& tenant, const DuplicatesQuery& query, const ReadOptions& options);
    // The vector that search() wants. `done` is called at once where nothing has to be waited for, else on a thread of the
    // engine's and must be short. Errors: those of opening the tenant; unavailable for Mode::Vector without its vector. In
    // Mode::Hybrid a vector that cannot be had is told in the answer.
    void embedQuery(const std::string& tenant, const SearchQuery& query, QueryVectorDone done);
    Result<SearchAnswer> search(const std::string& tenant, const SearchQuery& query, const QueryVector& vector,
                                const ReadOptions& options);
    // Both, waiting for the vector.
    Result<SearchAnswer> search(const std::string& tenant, const SearchQuery& query, const ReadOptions& options);

    // Counts: seconds where there are millions of memories.
    Result<Embedding> embedding(const std::string& tenant);
    // Complete: the embedder's space is searched once every memory has a vector in it. Now: at once, gaps and all, which
    // are filled afterwards. embedder_not_found, not_implemented, already_exists.
    enum class Switch { WhenComplete, Now };
    Result<void> switchEmbedder(const std::string& tenant, const std::string& embedder, Switch when);
    // space_not_found, space_in_use.
    Result<void> dropSpace(const std::string& tenant, uint32_t space);
    const VectorFiller& filler() const { return filler_; }
    const ExpirySweeper& expiry() const { return expiry_; }
    // Has the storage plugin read through the tenant's whole store; a tenant that has none is sound. tenant_damaged (the
    // cause says what is wrong), not_implemented. May take seconds a gigabyte.
    Result<void> check(const std::string& tenant);
    Result<TenantStats> stats(const std::string& tenant, const ReadOptions& options);

    // Ends the threads that call embedders. False: one did not come back by the deadline; the engine must not be destroyed then.
    bool stopEmbedding(std::chrono::steady_clock::time_point deadline);
    // Applies the writes that are waiting and closes the tenants; waits five seconds for embedders at most. No call may be under way or come later.
    void stop();

private:
    friend struct Update;
    friend struct CreateOnce;
    friend struct ChangeMany;
    friend struct MergeRequest;
    struct Tenant {
        uint64_t db = 0;
        std::shared_ptr<TenantVectors> vectors;
        std::shared_ptr<TenantWriter> writer;
    };

    Result<std::shared_ptr<Tenant>> tenant(const std::string& id);
    Result<std::shared_ptr<Tenant>> open(const std::string& id);
    Prepared prepare(const Tenant& tenant, Memory memory);
    void noteMissing(const std::shared_ptr<TenantVectors>& vectors, std::span<const uint32_t> given, size_t memories,
                     uint64_t lsn);
    // Those that are live and not expired, in the order of their ids. memory_not_found with a pointer into /ids.
    Result<std::vector<Memory>> allOf(const View& view, std::span<const Uuid> ids);
    Result<Memory> current(const Tenant& tenant, const Uuid& id);
    Result<std::vector<Memory>> versions(const Tenant& tenant, const Uuid& id, const ReadOptions& options);
    void attemptUpdate(std::shared_ptr<Update> update);
    void attemptCreate(std::shared_ptr<CreateOnce> create);
    void attemptChange(std::shared_ptr<ChangeMany> request);
    void attemptMerge(std::shared_ptr<MergeRequest> request);
    Result<std::vector<Written>> changed(const ChangeMany& request, const View& view, int64_t now);
    // A version has the name of its text only as long as the one before it has.
    static void keepName(Memory& next, const Memory& newest);
    void putVersion(const std::shared_ptr<Tenant>& tenant, Memory memory, uint64_t expected, WriteOptions options,
                    WriteDone done);
    void removeOne(uint32_t kind, const std::string& tenant, const Uuid& id, std::optional<uint64_t> expected,
                   WriteOptions options, WriteDone done);
    void unlessReplayed(const std::shared_ptr<Tenant>& tenant, const Uuid& id, WriteOptions options,
                        std::function<void()> otherwise, WriteDone done);
    void refuseUnlessReplayed(const std::shared_ptr<Tenant>& tenant, const Uuid& id, WriteOptions options, Error error,
                              WriteDone done);
    void submit(const std::shared_ptr<Tenant>& tenant, std::vector<WriteOp> ops, std::span<const Memory> memories,
                WriteOptions options, WriteDone done);

    StorageBinding storage_;
    Embedders embedders_;
    const Clock& clock_;
    Options options_;
    VectorFiller filler_;
    QueryEmbeddings queries_;
    WriterThreads writers_;
    ExpirySweeper expiry_;
    std::shared_mutex mutex_;
    std::unordered_map<std::string, std::shared_ptr<Tenant>> tenants_;
};

}  // namespace engram::engine
