// Timers and background work of plugins, on two threads: the service engram.host.tasks/1 (its header is the
// contract).
//
// Safe from any thread. A task never runs twice at the same time; each run gets a call of its own.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <engram/cpp/arena_call.hpp>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <utility>
#include <vector>

namespace engram::loader {

class TaskPool {
public:
    using Clock = std::chrono::steady_clock;
    using Function = void (*)(void* arg, engram_call*);
    static constexpr size_t kMaxTasksPerOwner = 1024;

    struct Schedule {
        std::chrono::milliseconds delay{0};
        std::chrono::milliseconds period{0};  // from the end of a run to the next; 0 = once
    };

    TaskPool() = default;
    TaskPool(const TaskPool&) = delete;
    // Waits for what is running; what is waiting never runs.
    ~TaskPool();

    // Tasks posted before run from now on.
    void start();

    // RESOURCE_EXHAUSTED above kMaxTasksPerOwner, FAILED_PRECONDITION once the owner was drained.
    engram_status post(const void* owner, Function fn, void* arg, Schedule schedule, uint64_t& id);
    // Returns after a running fn has ended, unless called from it. An id of another owner is ignored.
    void cancel(const void* owner, uint64_t id);
    // Cancels all tasks of an owner and refuses new ones; false if one is still running at the deadline.
    bool drain(const void* owner, Clock::time_point deadline);
    // A drained owner is gone; another may come at its address.
    void forget(const void* owner);

private:
    struct Task {
        const void* owner;
        Function fn;
        void* arg;
        std::chrono::milliseconds period;
        Clock::time_point due;
        bool cancelled = false;
        std::thread::id runner{};   // of the run under way
        ArenaCall* call = nullptr;  // likewise
    };
    using Tasks = std::map<uint64_t, Task>;
    using Queue = std::set<std::pair<Clock::time_point, uint64_t>>;  // when whose turn is

    void work();
    void run(std::unique_lock<std::mutex>& lock, Queue::node_type place);
    // True if the task is gone now, false if it is running.
    bool retire(Tasks::iterator it);

    std::mutex mutex_;
    std::condition_variable due_, ended_;
    Tasks tasks_;
    Queue queue_;
    std::map<const void*, size_t> count_;
    std::set<const void*> drained_;
    std::vector<std::thread> threads_;
    uint64_t next_id_ = 1;
    bool stopping_ = false;
};

}  // namespace engram::loader
