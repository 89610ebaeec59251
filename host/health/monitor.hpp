// The health of a running server: its checks, run on demand and every minute by a thread of its own.
//
// A thread of its own, since a check may hang (a dead network mount) and must not take a lane's thread along. run() may be
// called from any thread and may block.
#pragma once

#include "health/clock.hpp"
#include "health/issue.hpp"
#include "loader/plugin_set.hpp"

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace engram::health {

class Monitor {
public:
    struct Options {
        std::string data;          // the data directory
        uint64_t connections = 0;  // server.max_connections
        uint64_t spool_max = 0;    // bytes
        std::chrono::seconds interval{60};
    };

    // The server's figures and where findings go. Called from any thread; must outlive the monitor.
    struct Outlets {
        std::function<std::vector<loader::InstanceState>(loader::Depth)> plugins;
        std::function<uint64_t()> spool_bytes, log_dropped;
        std::function<void(const Findings&)> publish;  // after each run
        std::function<void(const Finding&)> appeared;  // an issue that the run before did not have
    };

    Monitor(Options options, Outlets outlets);
    Monitor(const Monitor&) = delete;
    ~Monitor() { stop(std::chrono::steady_clock::time_point::max()); }

    // Every cheap check; with Thorough the plugins look through their files, too, which may take seconds.
    Findings run(loader::Depth depth);

    void start();
    // Ends the thread. False: a check did not come back by the deadline, and still uses what the outlets lead to.
    bool stop(std::chrono::steady_clock::time_point deadline);

private:
    void publish(const Findings& findings);

    const Options options_;
    const Outlets outlets_;
    std::mutex clock_mutex_;
    ClockWatch clock_;
    std::mutex published_mutex_;
    std::set<std::string> known_;  // codes of the run before
    std::mutex mutex_;
    std::condition_variable wake_, ended_;
    enum class Phase { Idle, Running, Stopping, Ended } phase_ = Phase::Idle;
    std::thread thread_;
};

}  // namespace engram::health
