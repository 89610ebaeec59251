// Ends a server that was started on demand and is no longer used: SIGTERM to the process itself, so that it stops as it
// always does. One thread of its own while it lives.
#pragma once

#include "http/server.hpp"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace engram {

class IdleExit {
public:
    // `after` without an open connection and without a new one.
    IdleExit(const http::Stats& stats, std::chrono::milliseconds after);
    IdleExit(const IdleExit&) = delete;
    ~IdleExit();

private:
    void run(std::chrono::milliseconds after);

    const http::Stats& stats_;
    std::mutex mutex_;
    std::condition_variable wake_;
    enum class Phase { Watching, Stopping } phase_ = Phase::Watching;
    std::thread thread_;
};

// In the data directory; what a server started on demand logs and says on standard error.
inline constexpr const char* kOnDemandLog = "serve.log";

}  // namespace engram
