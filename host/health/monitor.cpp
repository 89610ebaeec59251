#include "health/monitor.hpp"

#include "health/disk.hpp"
#include "health/files.hpp"
#include "health/limits.hpp"
#include "health/server.hpp"

#include <new>
#include <pthread.h>

namespace engram::health {

Monitor::Monitor(Options options, Outlets outlets)
    : options_(std::move(options)), outlets_(std::move(outlets)), clock_(readClock()) {}

Findings Monitor::run(loader::Depth depth) {
    Findings out;
    judgePlugins(outlets_.plugins(depth), out);
    judgeSpool(outlets_.spool_bytes(), options_.spool_max, out);
    judgeLog(outlets_.log_dropped(), out);
    if (auto disk = readDisk(options_.data)) judgeDisk(*disk, out);
    else out.push_back(finding("data_unreadable", disk.error().message));
    checkFiles(options_.data, out);
    judgeLimits(readLimits(options_.connections), out);
    {
        std::lock_guard lock(clock_mutex_);
        clock_.judge(readClock(), out);
    }
    sortFindings(out);
    publish(out);
    return out;
}

void Monitor::publish(const Findings& findings) {
    std::lock_guard lock(published_mutex_);
    std::set<std::string> codes;
    for (const Finding& found : findings) {
        codes.insert(found.code);
        if (!known_.contains(found.code)) outlets_.appeared(found);
    }
    known_ = std::move(codes);
    outlets_.publish(findings);
}

void Monitor::start() {
    outlets_.publish({});  // every series is there from the start
    phase_ = Phase::Running;
    thread_ = std::thread([this] {
        std::unique_lock lock(mutex_);
        while (phase_ == Phase::Running) {
            lock.unlock();
            try {
                run(loader::Depth::Quick);
            } catch (const std::bad_alloc&) {
                // Others need the memory more; the next check may have some.
            }
            lock.lock();
            wake_.wait_for(lock, options_.interval, [this] { return phase_ == Phase::Stopping; });
        }
        phase_ = Phase::Ended;
        ended_.notify_all();
    });
    pthread_setname_np(thread_.native_handle(), "health");
}

bool Monitor::stop(std::chrono::steady_clock::time_point deadline) {
    if (!thread_.joinable()) return true;
    {
        std::unique_lock lock(mutex_);
        if (phase_ == Phase::Running) phase_ = Phase::Stopping;
        wake_.notify_all();
        auto ended = [this] { return phase_ == Phase::Ended; };
        // A wait until the end of time overflows in the library.
        if (deadline == std::chrono::steady_clock::time_point::max()) ended_.wait(lock, ended);
        else if (!ended_.wait_until(lock, deadline, ended)) return false;
    }
    thread_.join();
    return true;
}

}  // namespace engram::health
