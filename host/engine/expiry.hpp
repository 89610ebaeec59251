// Removes memories whose time has passed: what has expired is hidden at once, and purged after a grace in which it can
// still be brought back.
//
// Works in small slices with rests between them, on a thread of its own that begins with the first tenant. Only tenants in
// use are looked at. add() and expires() from any thread.
#pragma once

#include "engine/clock.hpp"
#include "engine/filter.hpp"
#include "engine/storage.hpp"
#include "engine/tenant_writer.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace engram::engine {

class ExpirySweeper {
public:
    struct Options {
        std::chrono::milliseconds grace{24 * 3600 * 1000};
        std::chrono::milliseconds look{60 * 1000};          // between looks for tenants with something due
        std::chrono::milliseconds rest{200};                // between slices
        std::chrono::milliseconds again{3600 * 1000};       // until a tenant with expiring memories is searched again
        std::chrono::milliseconds seldom{24 * 3600 * 1000}; // until one without is
        uint32_t slice = 100;                               // memories purged with one fsync
        int nice = 10;                                      // of the thread
    };

    ExpirySweeper(StorageBinding storage, const Clock& clock, WriterThreads& writers, Options options)
        : storage_(storage), clock_(clock), writers_(writers), options_(options) {}
    ExpirySweeper(const ExpirySweeper&) = delete;
    ~ExpirySweeper() { stop(); }

    // From now on looks after the tenant, with the next look.
    void add(uint64_t db, const std::shared_ptr<TenantWriter>& writer);
    // A memory of the tenant has been written, is there, and expires then (milliseconds since the epoch).
    void expires(uint64_t db, int64_t at);
    // Waits for the slice that is under way. Before the writers are stopped.
    void stop();

    uint64_t purged() const { return purged_.load(std::memory_order_relaxed); }  // memories, since the start

private:
    struct Tenant {
        uint64_t db;
        std::shared_ptr<TenantWriter> writer;
        std::atomic<int64_t> due{0};  // when to look, by the clock; at once after the start
    };
    using Found = std::vector<std::pair<Uuid, uint64_t>>;  // id and version

    void run();
    void look();
    void sweep(Tenant& tenant);
    bool stopping();
    bool rest(std::chrono::milliseconds pause);
    // At most `limit` memories that pass the condition.
    Result<Found> find(const Tenant& tenant, const Filter& filter, uint32_t limit) const;
    // How many are gone.
    Result<size_t> purge(const Tenant& tenant, const Found& found);

    const StorageBinding storage_;
    const Clock& clock_;
    WriterThreads& writers_;
    const Options options_;
    std::mutex mutex_;  // of the three below
    std::condition_variable wake_;
    std::map<uint64_t, std::shared_ptr<Tenant>> tenants_;
    enum class Phase { Idle, Running, Stopping } phase_ = Phase::Idle;
    std::thread thread_;
    std::atomic<uint64_t> purged_{0};
};

}  // namespace engram::engine
