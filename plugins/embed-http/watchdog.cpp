#include "watchdog.hpp"

#include <algorithm>

#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

namespace engram::embed_http {
namespace {

constexpr std::chrono::milliseconds kLook{50};  // how soon a cancelled call is noticed

}  // namespace

Watchdog::Guard::Guard(Watchdog& watchdog, int descriptor, Clock::time_point deadline, const engram_call* call)
    : watchdog_(watchdog) {
    std::lock_guard lock(watchdog_.mutex_);
    entry_ = watchdog_.watched_.insert(watchdog_.watched_.end(), Watched{::fcntl(descriptor, F_DUPFD_CLOEXEC, 0), deadline, call});
    if (!watchdog_.thread_.joinable()) {
        watchdog_.thread_ = std::thread([&watchdog] { watchdog.run(); });
        pthread_setname_np(watchdog_.thread_.native_handle(), "embed-watch");
    }
    watchdog_.wake_.notify_one();
}

Watchdog::Guard::~Guard() {
    std::lock_guard lock(watchdog_.mutex_);
    if (entry_->descriptor >= 0) ::close(entry_->descriptor);
    watchdog_.watched_.erase(entry_);
}

bool Watchdog::Guard::fired() const {
    std::lock_guard lock(watchdog_.mutex_);
    return entry_->fired;
}

void Watchdog::run() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
        if (watched_.empty()) {
            wake_.wait(lock);
            continue;
        }
        const auto now = Clock::now();
        auto next = now + kLook;
        for (Watched& watched : watched_) {
            if (watched.fired) continue;
            if (now >= watched.deadline || watched.call->ops->cancelled(watched.call)) {
                ::shutdown(watched.descriptor, SHUT_RDWR);
                watched.fired = true;
            } else {
                next = std::min(next, watched.deadline);
            }
        }
        wake_.wait_until(lock, next);
    }
}

Watchdog::~Watchdog() {
    {
        std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_all();
    if (thread_.joinable()) thread_.join();
}

}  // namespace engram::embed_http
