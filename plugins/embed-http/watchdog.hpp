// Cuts a connection at a deadline, or when the call it serves is cancelled: the only way to end a read that a server feeds
// byte by byte.
//
// A guard has a duplicate of the descriptor, so that it never cuts another connection that was given the same number. One thread
// for all guards, which begins with the first. Any thread.
#pragma once

#include <engram/call.h>

#include <chrono>
#include <condition_variable>
#include <list>
#include <mutex>
#include <thread>

namespace engram::embed_http {

class Watchdog {
public:
    using Clock = std::chrono::steady_clock;

    Watchdog() = default;
    Watchdog(const Watchdog&) = delete;
    ~Watchdog();

    class Guard {
    public:
        Guard(Watchdog& watchdog, int descriptor, Clock::time_point deadline, const engram_call* call);
        Guard(const Guard&) = delete;
        ~Guard();
        bool fired() const;  // the connection was cut

    private:
        Watchdog& watchdog_;
        std::list<struct Watched>::iterator entry_;
    };

private:
    void run();

    mutable std::mutex mutex_;
    std::condition_variable wake_;
    std::list<struct Watched> watched_;
    bool stopping_ = false;
    std::thread thread_;
};

struct Watched {
    int descriptor;
    Watchdog::Clock::time_point deadline;
    const engram_call* call;
    bool fired = false;
};

}  // namespace engram::embed_http
