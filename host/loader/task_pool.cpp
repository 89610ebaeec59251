#include "loader/task_pool.hpp"

#include <algorithm>

namespace engram::loader {
namespace {

constexpr size_t kThreads = 2;
constexpr auto kLongest = std::chrono::hours(24 * 366);  // keeps a hostile delay from overflowing the clock

}  // namespace

TaskPool::~TaskPool() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
        for (auto& [id, task] : tasks_)
            if (task.call) task.call->cancel();
    }
    due_.notify_all();
    for (std::thread& thread : threads_) thread.join();
}

void TaskPool::start() {
    const std::lock_guard lock(mutex_);
    while (threads_.size() < kThreads) threads_.emplace_back([this] { work(); });
}

engram_status TaskPool::post(const void* owner, Function fn, void* arg, Schedule schedule, uint64_t& id) {
    if (!fn) return ENGRAM_INVALID_ARGUMENT;
    const std::chrono::milliseconds longest = kLongest;
    const auto due = Clock::now() + std::clamp(schedule.delay, std::chrono::milliseconds(0), longest);
    const std::lock_guard lock(mutex_);
    if (stopping_ || drained_.contains(owner)) return ENGRAM_FAILED_PRECONDITION;
    if (count_[owner] >= kMaxTasksPerOwner) return ENGRAM_RESOURCE_EXHAUSTED;
    ++count_[owner];
    id = next_id_++;
    const auto period = std::clamp(schedule.period, std::chrono::milliseconds(0), longest);
    tasks_.emplace(id, Task{owner, fn, arg, period, due});
    queue_.emplace(due, id);
    due_.notify_one();
    return ENGRAM_OK;
}

bool TaskPool::retire(Tasks::iterator it) {
    Task& task = it->second;
    task.cancelled = true;
    if (task.call) {
        task.call->cancel();
        return false;
    }
    queue_.erase({task.due, it->first});
    --count_[task.owner];
    tasks_.erase(it);
    return true;
}

void TaskPool::cancel(const void* owner, uint64_t id) {
    std::unique_lock lock(mutex_);
    const auto it = tasks_.find(id);
    if (it == tasks_.end() || it->second.owner != owner || retire(it)) return;
    if (it->second.runner == std::this_thread::get_id()) return;
    ended_.wait(lock, [&] { return !tasks_.contains(id); });
}

bool TaskPool::drain(const void* owner, Clock::time_point deadline) {
    std::unique_lock lock(mutex_);
    drained_.insert(owner);
    for (auto it = tasks_.begin(); it != tasks_.end();) {
        const auto current = it++;
        if (current->second.owner == owner) retire(current);
    }
    return ended_.wait_until(lock, deadline, [&] { return count_[owner] == 0; });
}

void TaskPool::forget(const void* owner) {
    const std::lock_guard lock(mutex_);
    drained_.erase(owner);
    count_.erase(owner);
}

void TaskPool::work() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
        if (queue_.empty()) {
            due_.wait(lock);
            continue;
        }
        const auto [when, id] = *queue_.begin();
        if (when > Clock::now()) {
            due_.wait_until(lock, when);
            continue;
        }
        // Its place in the queue is kept for its next turn: a task goes on although memory runs out meanwhile.
        run(lock, queue_.extract(queue_.begin()));
    }
}

void TaskPool::run(std::unique_lock<std::mutex>& lock, Queue::node_type place) {
    const uint64_t id = place.value().second;
    Task& task = tasks_.at(id);  // stays valid: a running task is erased only here
    ArenaCall call;
    task.call = &call;
    task.runner = std::this_thread::get_id();
    lock.unlock();
    task.fn(task.arg, call);
    lock.lock();
    task.call = nullptr;
    task.runner = {};
    if (task.cancelled || stopping_ || task.period.count() == 0) {
        --count_[task.owner];
        tasks_.erase(id);
        ended_.notify_all();
        return;
    }
    task.due = Clock::now() + task.period;
    place.value() = {task.due, id};
    queue_.insert(std::move(place));
    due_.notify_one();
}

}  // namespace engram::loader
