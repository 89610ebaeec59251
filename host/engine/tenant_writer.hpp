// The tenant actor: writes of one tenant, one group at a time, each group one apply() and one fsync.
//
// submit() from any thread; completions run on the writer threads, in the order of submission.
#pragma once

#include "engine/memory.hpp"
#include "engine/prepared.hpp"
#include "engine/storage.hpp"

#include <condition_variable>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

namespace engram::engine {

struct WriteOp {
    uint32_t kind;              // ENGRAM_OP_*
    Prepared memory;            // PUT: all of it; else its id and times
    uint64_t expected;
};

struct Outcome {  // of a batch that storage has seen
    uint32_t outcome = ENGRAM_APPLY_DONE;
    uint64_t lsn = 0, current_version = 0, current_count = 0, limit = 0, count_before = 0;
    std::string message, answer;
    std::string limited_unit{};  // of the limit that was reached
};

// One batch on its way: all or nothing.
struct PendingWrite {
    std::vector<WriteOp> ops;
    WriteOptions options;
    std::string answer;  // rendered
    int64_t now = 0;
    std::function<void(Result<Outcome>)> done;
};

class WriterThreads;

class TenantWriter {
public:
    TenantWriter(StorageBinding storage, uint64_t db) : storage_(storage), db_(db) {}

private:
    friend class WriterThreads;
    StorageBinding storage_;
    uint64_t db_;
    std::list<PendingWrite> mailbox_;  // empty it costs nothing: there may be tens of thousands of tenants
    size_t waiting_ = 0;
    bool scheduled_ = false;
};

// The threads that run all tenants' writers; a tenant is on one thread at a time.
class WriterThreads {
public:
    struct Options {
        unsigned threads = 2;
        size_t mailbox_limit = 4096;          // writes waiting a tenant; more is "overloaded"
        size_t group_limit = 256;             // batches in one apply()
        size_t group_bytes = 4u << 20;        // of content in one apply()
    };

    explicit WriterThreads(Options options);
    ~WriterThreads() { stop(); }

    void submit(const std::shared_ptr<TenantWriter>& tenant, PendingWrite write);
    // Applies what is waiting, then ends the threads. Later writes are "unavailable".
    void stop();

private:
    void run();
    void apply(TenantWriter& tenant, std::span<PendingWrite> group);
    bool applyTogether(TenantWriter& tenant, std::span<PendingWrite> group);
    static Outcome outcomeOf(PendingWrite& write, const engram_apply_result& result);

    Options options_;
    std::mutex mutex_;  // of the run queue and every mailbox
    std::condition_variable wake_;
    std::list<std::shared_ptr<TenantWriter>> ready_;
    enum class Phase { Running, Stopping } phase_ = Phase::Running;
    std::vector<std::thread> threads_;
};

}  // namespace engram::engine
