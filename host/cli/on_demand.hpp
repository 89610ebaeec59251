// Starts `engram serve --on-demand` where no server answers: one data directory, one server, however many clients start
// one at once. Those that lose the race for the lock end, and every client finds the winner's socket.
#pragma once

#include <engram/cpp/result.hpp>

#include <chrono>
#include <mutex>
#include <string>

#include <sys/types.h>

namespace engram::cli {

class OnDemandServer {
public:
    using Clock = std::chrono::steady_clock;
    static constexpr std::chrono::seconds kPatience{30};  // for an old server to end and a new one to listen

    struct Options {
        std::string exe;     // this program
        std::string data;    // data directory
        std::string config;  // file; empty = the usual places
        std::string socket;
    };

    explicit OnDemandServer(Options options) : options_(std::move(options)) {}
    OnDemandServer(const OnDemandServer&) = delete;

    // Returns once the socket takes connections. Error "unavailable": the reason the server gave, or that it took too
    // long. Any thread; one caller starts, the others wait for it.
    Result<void> ensure(Clock::time_point deadline);
    const std::string& socket() const { return options_.socket; }

private:
    bool answers() const;
    Result<void> start();
    Result<void> reap();
    std::string said() const;

    const Options options_;
    std::mutex mutex_;
    pid_t child_ = -1;       // what we started and has not ended
    off_t log_begin_ = 0;    // where its log lines begin
    Clock::time_point next_start_{};
};

}  // namespace engram::cli
