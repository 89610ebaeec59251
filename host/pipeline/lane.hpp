// A lane: some threads and a bounded queue for work that must not run on an io thread.
//
// The queue is fair: each key (a tenant) has a line of its own and lines are served in turn, so that a busy tenant does
// not starve the others. A task that does not come back (a plugin that hangs) counts as stuck after a while: another
// thread takes the place of its thread, and a key with too many stuck tasks gets no more. Any thread may submit.
#pragma once

#include "pipeline/task.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

namespace engram::pipeline {

class Lane {
public:
    using Clock = std::chrono::steady_clock;
    enum class Admission { Accepted, Full };

    struct Options {
        std::string name;  // of the threads, at most 15 bytes
        unsigned threads = 1;
        size_t queue_limit = 1024;  // tasks waiting, all lines together
        int nice = 0;               // of the threads; above 0 they yield to the io threads when cores are short
        std::chrono::milliseconds stuck_after{5000};  // of running, a task counts as stuck
        unsigned spare_threads = 64;                  // in the place of stuck ones, at most
        size_t stuck_per_key = 8;                     // then the key's tasks are not accepted
        // A task has just been found stuck. [a thread of the lane]
        std::function<void(std::string_view lane, std::string_view key)> on_stuck{};
    };

    explicit Lane(Options options);
    Lane(const Lane&) = delete;
    ~Lane() { stop(); }

    Admission submit(std::string_view key, Task task);
    // Runs what is queued, then ends the threads; later submissions are Full. False: at the deadline tasks were still
    // running. Then their threads are left alone, and neither the lane nor what they use may be destroyed.
    bool stop(Clock::time_point deadline = Clock::time_point::max());
    // For submissions from now on.
    void setQueueLimit(size_t limit) { queue_limit_.store(limit, std::memory_order_relaxed); }
    size_t depth() const { return waiting_.load(std::memory_order_relaxed); }
    size_t stuck() const { return stuck_.load(std::memory_order_relaxed); }

private:
    struct Line {
        std::string key;
        std::deque<Task> tasks;
    };
    struct Worker {
        std::thread thread;
        std::string key;  // of the task it runs
        Clock::time_point since{};
        enum class Doing { Waiting, Running, Stuck, Ended } doing = Doing::Waiting;
    };
    using Workers = std::list<Worker>;

    void addWorker();
    void run(Worker& worker);
    void watch();
    void replaceStuck(std::unique_lock<std::mutex>& lock);
    bool allBusy() const;
    Task next(std::string& key);

    const Options options_;
    std::mutex mutex_;
    std::condition_variable wake_, watch_, ended_;
    std::list<Line> lines_;  // the front is served next, then goes to the back
    std::unordered_map<std::string, std::list<Line>::iterator> by_key_;
    std::unordered_map<std::string, size_t> stuck_by_key_;
    std::atomic<size_t> waiting_{0}, stuck_{0}, queue_limit_{options_.queue_limit};
    enum class Phase { Running, Stopping, Left } phase_ = Phase::Running;
    Workers workers_;
    std::thread watcher_;
};

}  // namespace engram::pipeline
