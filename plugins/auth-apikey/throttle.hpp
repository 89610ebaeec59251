// What slows guessing down and bounds the slow hash: counted failures, a gate, and one computation a token.
//
// Bounded. Any thread; Gate::enter() and Flights::takeOff() may wait, for at most the times named here.
#pragma once

#include "verified_keys.hpp"

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <unordered_map>

namespace engram::auth_apikey {

// Failures by name in the current minute; a coarse fixed window is enough against guessing 256 bits.
class Failures {
public:
    explicit Failures(unsigned limit) : limit_(limit) {}
    bool tooMany(const std::string& name, int64_t minute) {
        std::lock_guard lock(mutex_);
        turn(minute);
        auto it = counts_.find(name);
        return it != counts_.end() && it->second >= limit_;
    }
    void add(const std::string& name, int64_t minute) {
        std::lock_guard lock(mutex_);
        turn(minute);
        if (counts_.size() < kMaxEntries) ++counts_[name];
    }

private:
    static constexpr size_t kMaxEntries = 50000;

    void turn(int64_t minute) {
        if (minute == minute_) return;
        counts_.clear();
        minute_ = minute;
    }
    const unsigned limit_;
    std::mutex mutex_;
    int64_t minute_ = 0;
    std::unordered_map<std::string, unsigned> counts_;
};

// At most `slots` at work, at most kMaxWaiting waiting, each for at most kMaxWait.
class Gate {
public:
    explicit Gate(unsigned slots) : free_(slots) {}
    bool enter() {
        std::unique_lock lock(mutex_);
        if (free_ == 0 && waiting_ >= kMaxWaiting) return false;
        ++waiting_;
        const bool in = freed_.wait_for(lock, kMaxWait, [this] { return free_ > 0; });
        --waiting_;
        if (in) --free_;
        return in;
    }
    void leave() {
        {
            std::lock_guard lock(mutex_);
            ++free_;
        }
        freed_.notify_one();
    }

private:
    static constexpr unsigned kMaxWaiting = 64;
    static constexpr std::chrono::milliseconds kMaxWait{500};

    std::mutex mutex_;
    std::condition_variable freed_;
    unsigned free_, waiting_ = 0;
};

// Callers with the same token wait for the first of them instead of each computing the same.
class Flights {
public:
    // True: the caller verifies and must call land(). False: another did meanwhile; look again.
    bool takeOff(const Digest& digest) {
        std::unique_lock lock(mutex_);
        if (flying_.emplace(digest, 1).second) return true;
        landed_.wait_for(lock, std::chrono::seconds(2), [&] { return !flying_.contains(digest); });
        return false;
    }
    void land(const Digest& digest) {
        {
            std::lock_guard lock(mutex_);
            flying_.erase(digest);
        }
        landed_.notify_all();
    }

private:
    std::mutex mutex_;
    std::condition_variable landed_;
    std::map<Digest, int> flying_;
};

}  // namespace engram::auth_apikey
