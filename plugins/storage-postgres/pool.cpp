#include "pool.hpp"

#include <algorithm>

namespace engram::storage_postgres {
namespace {

using Clock = std::chrono::steady_clock;

// After a failed attempt others are answered at once for as long as it took, so that they do not all wait for the same timeout;
// a server that refuses at once may take the next.
constexpr std::chrono::milliseconds kLongestPause{300};

}  // namespace

std::unique_ptr<Pool::Lease> Pool::take(std::chrono::milliseconds wait) {
    const auto deadline = Clock::now() + wait;
    std::unique_lock lock(mutex_);
    while (idle_.empty() && open_ >= size_)
        if (free_.wait_until(lock, deadline) == std::cv_status::timeout && idle_.empty() && open_ >= size_)
            throw PostgresError("53300", "all " + std::to_string(size_) + " connections of the pool are in use");
    if (!idle_.empty()) {
        auto session = std::move(idle_.back());
        idle_.pop_back();
        return std::make_unique<Lease>(*this, std::move(session));
    }
    if (Clock::now() < no_connect_before_) throw PostgresError("", why_not_);
    ++open_;
    lock.unlock();
    const auto began = Clock::now();
    try {
        return std::make_unique<Lease>(*this, std::make_unique<Session>(options_));
    } catch (const PostgresError& e) {
        std::lock_guard again(mutex_);
        --open_;
        const auto ended = Clock::now();
        no_connect_before_ = ended + std::min<Clock::duration>(ended - began, kLongestPause);
        why_not_ = e.message;
        free_.notify_one();
        throw;
    }
}

void Pool::give(std::unique_ptr<Session> session) noexcept {
    const bool clean = session->rollback();
    if (!clean) session.reset();
    {
        std::lock_guard lock(mutex_);
        if (clean) idle_.push_back(std::move(session));
        else --open_;
    }
    free_.notify_one();
}

void Pool::dropIdle() {
    std::vector<std::unique_ptr<Session>> gone;
    std::lock_guard lock(mutex_);
    gone.swap(idle_);
    open_ -= gone.size();
    free_.notify_all();
}

}  // namespace engram::storage_postgres
