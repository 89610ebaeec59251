// The memory engine: validation, writes grouped by tenant, reads on snapshots, search.
//
// Owns meaning; bytes, atomicity and indexes are the storage plugin's. Writes and searches are for lanes (they analyse
// text); get() may run on an io thread. Completions of writes run on writer threads. Any thread.
#pragma once

#include "engine/clock.hpp"
#include "engine/filter.hpp"
#include "engine/memory.hpp"
#include "engine/search.hpp"
#include "engine/storage.hpp"
#include "engine/tenant_writer.hpp"

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
    uint32_t limit = 50;  // 1 to 1000
    std::string cursor;   // of the page before
};

struct Page {
    std::vector<Memory> memories;
    std::string next_cursor;  // empty = no more
};

struct TenantStats {
    uint64_t lsn = 0, memories = 0, bytes_on_disk = 0, index_lag = 0;
    std::map<std::string, uint64_t> workspaces;  // live memories
};

struct Update;

class Engine {
public:
    struct Options {
        WriterThreads::Options writers;
        SearchOptions search;
        unsigned update_attempts = 5;  // read-modify-write without an expected version
    };

    Engine(StorageBinding storage, EmbedBinding embed, const Clock& clock, Options options);
    Engine(const Engine&) = delete;
    ~Engine();

    // memories must have passed validate().
    void create(const std::string& tenant, std::vector<NewMemory> memories, WriteOptions options, WriteDone done);
    // memory_not_found, version_conflict.
    void update(const std::string& tenant, const Uuid& id, MemoryPatch patch, std::optional<uint64_t> expected,
                WriteOptions options, WriteDone done);
    void remove(const std::string& tenant, const Uuid& id, std::optional<uint64_t> expected, WriteOptions options,
                WriteDone done);
    // not_deleted; brings the last live content back as a new version.
    void undelete(const std::string& tenant, const Uuid& id, WriteOptions options, WriteDone done);
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
    Result<SearchAnswer> search(const std::string& tenant, const SearchQuery& query, const ReadOptions& options);
    Result<TenantStats> stats(const std::string& tenant, const ReadOptions& options);

    // Applies the writes that are waiting and closes the tenants. No call may be under way or come later.
    void stop();

private:
    friend struct Update;
    struct Tenant {
        uint64_t db = 0;
        uint32_t space = 0;
        std::shared_ptr<TenantWriter> writer;
    };

    Result<std::shared_ptr<Tenant>> tenant(const std::string& id);
    Result<std::shared_ptr<Tenant>> open(const std::string& id);
    Result<Prepared> prepare(const Tenant& tenant, Memory memory);
    Result<Memory> current(const Tenant& tenant, const Uuid& id);
    Result<std::vector<Memory>> versions(const Tenant& tenant, const Uuid& id, const ReadOptions& options);
    void attemptUpdate(std::shared_ptr<Update> update);
    void putVersion(const std::shared_ptr<Tenant>& tenant, Memory memory, uint64_t expected, WriteOptions options,
                    WriteDone done);
    void refuseUnlessReplayed(const std::shared_ptr<Tenant>& tenant, const Uuid& id, WriteOptions options, Error error,
                              WriteDone done);
    void submit(const std::shared_ptr<Tenant>& tenant, std::vector<WriteOp> ops, std::span<const Memory> memories,
                WriteOptions options, WriteDone done);

    StorageBinding storage_;
    EmbedBinding embed_;
    const Clock& clock_;
    Options options_;
    std::string model_;
    uint32_t dimensions_ = 0;
    WriterThreads writers_;
    std::shared_mutex mutex_;
    std::unordered_map<std::string, std::shared_ptr<Tenant>> tenants_;
};

}  // namespace engram::engine
