#include "pipeline/lane.hpp"

#include <algorithm>

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

namespace engram::pipeline {
namespace {

constexpr std::chrono::milliseconds kForMemory{10};  // until a thread that found none looks again

}  // namespace

Lane::Lane(Options options) : options_(std::move(options)) {
    std::lock_guard lock(mutex_);
    for (unsigned i = 0; i < std::max(1u, options_.threads); ++i) addWorker();
    watcher_ = std::thread([this] { watch(); });
    pthread_setname_np(watcher_.native_handle(), "lane-watch");
}

// The caller holds the mutex.
void Lane::addWorker() {
    Worker& worker = workers_.emplace_back();
    worker.thread = std::thread([this, &worker] { run(worker); });
    pthread_setname_np(worker.thread.native_handle(), options_.name.substr(0, 15).c_str());
}

Lane::Admission Lane::submit(std::string_view key, Task task) {
    {
        std::lock_guard lock(mutex_);
        if (phase_ != Phase::Running || waiting_.load(std::memory_order_relaxed) >= queue_limit_.load(std::memory_order_relaxed))
            return Admission::Full;
        std::string name(key);
        if (!stuck_by_key_.empty())
            if (auto it = stuck_by_key_.find(name); it != stuck_by_key_.end() && it->second >= options_.stuck_per_key)
                return Admission::Full;
        if (auto it = by_key_.find(name); it != by_key_.end()) {
            it->second->tasks.push_back(std::move(task));
        } else {
            // There is no line without a task, also if memory runs out here.
            std::list<Line> line;
            line.push_back({name, {}});
            line.front().tasks.push_back(std::move(task));
            by_key_.emplace(std::move(name), line.begin());
            lines_.splice(lines_.end(), line);
        }
        waiting_.fetch_add(1, std::memory_order_relaxed);
        if (allBusy()) watch_.notify_one();
    }
    wake_.notify_one();
    return Admission::Accepted;
}

bool Lane::allBusy() const {
    return std::none_of(workers_.begin(), workers_.end(),
                        [](const Worker& worker) { return worker.doing == Worker::Doing::Waiting; });
}

// The first task of the line whose turn it is; the caller holds the mutex and knows that one waits.
Task Lane::next(std::string& key) {
    auto line = lines_.begin();
    key = line->key;
    Task task = std::move(line->tasks.front());
    line->tasks.pop_front();
    waiting_.fetch_sub(1, std::memory_order_relaxed);
    if (line->tasks.empty()) {
        by_key_.erase(line->key);
        lines_.erase(line);
    } else {
        lines_.splice(lines_.end(), lines_, line);
    }
    return task;
}

void Lane::run(Worker& worker) {
    // Linux has a nice value for each thread (setpriority(2), notes).
    if (options_.nice != 0) setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), options_.nice);
    std::unique_lock lock(mutex_);
    while (true) {
        wake_.wait(lock, [this] { return !lines_.empty() || phase_ != Phase::Running; });
        if (lines_.empty()) break;
        Task task;
        try {
            task = next(worker.key);
        } catch (const std::bad_alloc&) {
            wake_.wait_for(lock, kForMemory);
            continue;
        }
        worker.since = Clock::now();
        worker.doing = Worker::Doing::Running;
        lock.unlock();
        try {
            task();
        } catch (const std::exception&) {
            // Out of memory, at the worst: who owned the task's request has answered it while unwinding.
        }
        task = Task();
        lock.lock();
        if (phase_ == Phase::Left) return;  // nobody waits for this thread any more
        if (worker.doing == Worker::Doing::Stuck) {
            // It came back after all; the thread that took its place goes on.
            stuck_.fetch_sub(1, std::memory_order_relaxed);
            if (--stuck_by_key_[worker.key] == 0) stuck_by_key_.erase(worker.key);
            break;
        }
        worker.doing = Worker::Doing::Waiting;
    }
    worker.doing = Worker::Doing::Ended;
    ended_.notify_all();
}

// Looks after the running tasks while others wait for a thread.
void Lane::watch() {
    std::unique_lock lock(mutex_);
    while (phase_ == Phase::Running) {
        if (lines_.empty() || !allBusy()) {
            watch_.wait(lock);
            continue;
        }
        auto next_look = Clock::now() + options_.stuck_after;
        for (const Worker& worker : workers_)
            if (worker.doing == Worker::Doing::Running) next_look = std::min(next_look, worker.since + options_.stuck_after);
        watch_.wait_until(lock, next_look);
        replaceStuck(lock);
    }
}

void Lane::replaceStuck(std::unique_lock<std::mutex>& lock) {
    for (auto it = workers_.begin(); it != workers_.end();) {
        auto worker = it++;
        if (worker->doing != Worker::Doing::Ended) continue;
        worker->thread.join();  // its function has ended but for the return
        workers_.erase(worker);
    }
    std::vector<std::string> found;
    for (Worker& worker : workers_) {
        if (stuck_.load(std::memory_order_relaxed) >= options_.spare_threads) break;
        if (worker.doing != Worker::Doing::Running || Clock::now() - worker.since < options_.stuck_after) continue;
        worker.doing = Worker::Doing::Stuck;
        stuck_.fetch_add(1, std::memory_order_relaxed);
        ++stuck_by_key_[worker.key];
        found.push_back(worker.key);
    }
    for (size_t i = 0; i < found.size(); ++i) addWorker();
    if (found.empty() || !options_.on_stuck) return;
    lock.unlock();
    for (const std::string& key : found) options_.on_stuck(options_.name, key);
    lock.lock();
}

bool Lane::stop(Clock::time_point deadline) {
    std::unique_lock lock(mutex_);
    if (phase_ == Phase::Left) return false;
    phase_ = Phase::Stopping;
    wake_.notify_all();
    watch_.notify_all();
    auto ended = [this] {
        return std::all_of(workers_.begin(), workers_.end(),
                           [](const Worker& worker) { return worker.doing == Worker::Doing::Ended; });
    };
    bool all = true;
    if (deadline == Clock::time_point::max()) ended_.wait(lock, ended);
    else all = ended_.wait_until(lock, deadline, ended);
    if (!all) phase_ = Phase::Left;
    lock.unlock();
    if (watcher_.joinable()) watcher_.join();
    for (Worker& worker : workers_) {
        if (!worker.thread.joinable()) continue;
        if (all) worker.thread.join();
        else worker.thread.detach();
    }
    return all;
}

}  // namespace engram::pipeline
