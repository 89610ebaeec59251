// Gives memories the vectors they lack, in the background: those of slow embedders, and all of them in a new space, which
// becomes the active one when it is full.
//
// Which memories lack a vector is storage's to tell, so nothing is lost with the process. An embedder that fails is left
// alone for a while, longer each time. add(), missing() and the figures from any thread; embedding and storing happen on threads
// of its own, which begin with the first work.
#pragma once

#include "engine/vector_spaces.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

namespace engram::engine {

class VectorFiller {
public:
    using Clock = std::chrono::steady_clock;

    struct Options {
        unsigned threads = 2;
        size_t batch = 64;                                   // texts a call of an embedder
        size_t batch_bytes = 512u << 10;                     // of text; one text may be more
        std::chrono::milliseconds patience{60000};           // for a batch
        std::chrono::milliseconds first_pause{500};          // after a failure; doubled with each further one
        std::chrono::milliseconds longest_pause{60000};
        int nice = 10;                                       // of the threads
        // A space has become the active one. [a thread of the filler]
        std::function<void(const std::string& tenant, const std::string& model)> on_switched{};
        // An embedder has begun to fail. [a thread of the filler]
        std::function<void(const std::string& embedder, const std::string& why)> on_failing{};
    };

    explicit VectorFiller(Options options) : options_(std::move(options)) {}
    VectorFiller(const VectorFiller&) = delete;
    ~VectorFiller() { stop(Clock::time_point::max()); }

    // From now on looks after the tenant.
    void add(const std::shared_ptr<TenantVectors>& tenant);
    // So many memories of the tenant were written without a vector in the space, the last of them at the LSN.
    void missing(const std::shared_ptr<TenantVectors>& tenant, uint32_t space, size_t memories, uint64_t lsn);
    // The tenant's spaces in use are others than before.
    void recount(const std::shared_ptr<TenantVectors>& tenant);
    // Cancels what is under way. False: an embedder did not come back by the deadline; then nothing that it uses may go away.
    bool stop(Clock::time_point deadline);

    uint64_t pending() const;  // vectors, of all tenants
    uint64_t filled() const { return filled_.load(std::memory_order_relaxed); }
    uint64_t failures() const { return failures_.load(std::memory_order_relaxed); }  // calls of embedders

private:
    struct Job {
        std::shared_ptr<TenantVectors> tenant;
        enum class State { Idle, Ready, Running, Woken, Paused } state = State::Idle;  // Woken: while it ran
        std::atomic<bool> counted{false};
    };
    using JobPtr = std::shared_ptr<Job>;
    struct Pause {
        Clock::time_point until{};
        std::chrono::milliseconds length{0};
    };
    struct Row {
        uint64_t rid;
        std::string text;
    };
    // What is left of a tenant after one batch: more, nothing, or nothing before a time.
    struct Left {
        enum class What { More, Nothing, Later } what = What::Nothing;
        Clock::time_point when{};
    };

    const JobPtr& jobOf(const std::shared_ptr<TenantVectors>& tenant);
    void schedule(const JobPtr& job);
    void startThreads();
    void run();
    JobPtr next(std::unique_lock<std::mutex>& lock);
    void finish(const JobPtr& job, Left left);

    Left turn(Job& job);
    Left fillBatch(TenantVectors& tenant, const SpaceUse& use, const std::vector<Row>& rows);
    Result<std::vector<Row>> unfilled(const TenantVectors& tenant, const SpaceUse& use, uint64_t after, size_t limit) const;
    Result<void> store(TenantVectors& tenant, const SpaceUse& use, std::span<const Row> rows, std::span<const float> vectors);
    Result<void> embedAll(TenantVectors& tenant, const SpaceUse& use, std::span<const Row> rows);
    Result<bool> complete(TenantVectors& tenant, const SpaceUse& use);
    void count(TenantVectors& tenant, const SpaceUse& use);
    Left afterFailure(const Embedder& embedder, TenantVectors& tenant, const Error& error);
    void answered(const Embedder& embedder, TenantVectors& tenant);

    const Options options_;
    mutable std::mutex mutex_;  // of everything below but the atomics
    std::condition_variable wake_, ended_;
    std::unordered_map<const TenantVectors*, JobPtr> jobs_;
    std::list<JobPtr> ready_;
    std::multimap<Clock::time_point, JobPtr> paused_;
    std::map<const Embedder*, Pause> pauses_;
    std::list<ArenaCall*> calls_;  // of embedders, under way
    std::list<std::thread> threads_;
    unsigned running_ = 0;
    enum class Phase { Running, Stopping } phase_ = Phase::Running;
    std::atomic<uint64_t> filled_{0}, failures_{0};
};

}  // namespace engram::engine
