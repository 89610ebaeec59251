// Hands spooled events to one metering or audit plugin, batch by batch, for as long as it lives.
#pragma once

#include "spool/spool.hpp"

#include <engram/metering.h>

#include <chrono>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

namespace engram::spool {

class Pump {
public:
    struct Target {
        std::string name;  // of the instance; names the cursor
        const engram_metering_v1* table;
        void* self;
        Stream stream;
    };

    // `on_failure` is called for every batch that the plugin did not take. [pump thread]
    Pump(Spool& spool, Target target, std::function<void(const std::string& why)> on_failure);
    Pump(const Pump&) = delete;
    ~Pump() { stop(); }

    // Hands over what is in the spool now, on the caller's thread. Ends early at the deadline or a failure.
    void flush(std::chrono::steady_clock::time_point deadline);
    void stop();

private:
    enum class Turn { Idle, Caught, Behind, Failed };  // nothing there; up to date; more is waiting; not taken
    Turn turn();
    void run();

    Spool& spool_;
    Target target_;
    std::function<void(const std::string&)> on_failure_;
    std::mutex turn_mutex_;  // consume() is serialised
    std::mutex mutex_;
    std::condition_variable wake_;
    enum class Phase { Running, Stopping } phase_ = Phase::Running;
    std::thread thread_;
};

}  // namespace engram::spool
