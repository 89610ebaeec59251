#include "idle_exit.hpp"

#include <csignal>

#include <unistd.h>

namespace engram {

IdleExit::IdleExit(const http::Stats& stats, std::chrono::milliseconds after) : stats_(stats) {
    thread_ = std::thread([this, after] { run(after); });
}

IdleExit::~IdleExit() {
    {
        std::lock_guard lock(mutex_);
        phase_ = Phase::Stopping;
    }
    wake_.notify_all();
    thread_.join();
}

void IdleExit::run(std::chrono::milliseconds after) {
    using Clock = std::chrono::steady_clock;
    const auto interval = std::min<std::chrono::milliseconds>(after / 4, std::chrono::seconds(5)) + std::chrono::milliseconds(1);
    uint64_t accepted = stats_.accepted.load();
    Clock::time_point used = Clock::now();
    std::unique_lock lock(mutex_);
    while (!wake_.wait_for(lock, interval, [this] { return phase_ == Phase::Stopping; })) {
        const Clock::time_point now = Clock::now();
        const uint64_t seen = stats_.accepted.load();
        if (seen != accepted || stats_.connections.load() > 0) used = now;
        accepted = seen;
        if (now - used < after) continue;
        ::kill(::getpid(), SIGTERM);
        return;
    }
}

}  // namespace engram
