// A lane: some threads and a bounded queue for work that must not run on an io thread.
//
// The queue is fair: each key (a tenant) has a line of its own and lines are served in turn, so that a busy tenant does
// not starve the others. Any thread may submit.
#pragma once

#include "pipeline/task.hpp"

#include <atomic>
#include <condition_variable>
#include <deque>
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
    enum class Admission { Accepted, Full };

    struct Options {
        std::string name;  // of the threads, at most 15 bytes
        unsigned threads = 1;
        size_t queue_limit = 1024;  // tasks waiting, all lines together
    };

    explicit Lane(Options options);
    Lane(const Lane&) = delete;
    ~Lane() { stop(); }

    Admission submit(std::string_view key, Task task);
    // Runs what is queued, then ends the threads; later submissions are Full.
    void stop();
    size_t depth() const { return waiting_.load(std::memory_order_relaxed); }

private:
    struct Line {
        std::string key;
        std::deque<Task> tasks;
    };
    void run();
    Task next();

    Options options_;
    std::mutex mutex_;
    std::condition_variable wake_;
    std::list<Line> lines_;  // the front is served next, then goes to the back
    std::unordered_map<std::string, std::list<Line>::iterator> by_key_;
    std::atomic<size_t> waiting_{0};
    enum class Phase { Running, Stopping } phase_ = Phase::Running;
    std::vector<std::thread> threads_;
};

}  // namespace engram::pipeline
