// Hands spooled events to one metering or audit plugin, batch by batch, for as long as it lives.
#pragma once

#include "spool/spool.hpp"

#include <engram/audit.h>
#include <engram/metering.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

namespace engram::spool {

class Pump {
public:
    // The consume() of either kind of sink.
    struct Sink {
        engram_status (*consume)(void*, engram_call*, const engram_event*, size_t, size_t*);
        Sink(const engram_metering_v1* table) : consume(table->consume) {}
        Sink(const engram_audit_v1* table) : consume(table->consume) {}
    };

    struct Target {
        std::string name;  // of the instance; names the cursor
        Sink sink;
        void* self;
        Stream stream;
    };

    // `on_failure` is called for every batch that the plugin did not take. [pump thread]
    Pump(Spool& spool, Target target, std::function<void(const std::string& why)> on_failure);
    Pump(const Pump&) = delete;
    ~Pump() { stop(); }

    // Has what is in the spool now handed over, and waits for it. Ends early at the deadline or a failure: the plugin
    // may hang in a batch, and only the pump's own thread hangs with it.
    void flush(std::chrono::steady_clock::time_point deadline);
    // False: the plugin still had a batch at the deadline. Then the thread is left alone, and what it uses must stay.
    bool stop(std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max());

private:
    enum class Turn { Idle, Caught, Behind, Failed };  // nothing there; up to date; more is waiting; not taken
    Turn handOver();
    void run();

    Spool& spool_;
    Target target_;
    std::function<void(const std::string&)> on_failure_;
    Position committed_;  // [pump thread]
    std::mutex mutex_;
    uint64_t asked_ = 0, answered_ = 0;  // flushes; an answered one saw everything that was there when it asked
    std::condition_variable answered_changed_, wake_, ended_;
    enum class Phase { Running, Stopping, Ended, Left } phase_ = Phase::Running;
    std::thread thread_;
};

}  // namespace engram::spool
