#include "pipeline/lane.hpp"

#include <pthread.h>

namespace engram::pipeline {

Lane::Lane(Options options) : options_(std::move(options)) {
    for (unsigned i = 0; i < std::max(1u, options_.threads); ++i) {
        threads_.emplace_back([this] { run(); });
        pthread_setname_np(threads_.back().native_handle(), options_.name.substr(0, 15).c_str());
    }
}

Lane::Admission Lane::submit(std::string_view key, Task task) {
    {
        std::lock_guard lock(mutex_);
        if (phase_ == Phase::Stopping || waiting_.load(std::memory_order_relaxed) >= options_.queue_limit)
            return Admission::Full;
        std::string name(key);
        auto it = by_key_.find(name);
        if (it == by_key_.end()) {
            lines_.push_back({name, {}});
            it = by_key_.emplace(std::move(name), std::prev(lines_.end())).first;
        }
        it->second->tasks.push_back(std::move(task));
        waiting_.fetch_add(1, std::memory_order_relaxed);
    }
    wake_.notify_one();
    return Admission::Accepted;
}

// The first task of the line whose turn it is; the caller holds the mutex and knows that one waits.
Task Lane::next() {
    auto line = lines_.begin();
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

void Lane::run() {
    std::unique_lock lock(mutex_);
    while (true) {
        wake_.wait(lock, [this] { return !lines_.empty() || phase_ == Phase::Stopping; });
        if (lines_.empty()) return;
        Task task = next();
        lock.unlock();
        task();
        task = Task();
        lock.lock();
    }
}

void Lane::stop() {
    {
        std::lock_guard lock(mutex_);
        phase_ = Phase::Stopping;
    }
    wake_.notify_all();
    for (std::thread& thread : threads_)
        if (thread.joinable()) thread.join();
}

}  // namespace engram::pipeline
