// A token bucket for each peer address: what strangers may do before they are known. Any thread; never blocks long.
#pragma once

#include <chrono>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace engram::pipeline {

class PeerBuckets {
public:
    struct Options {
        double per_second = 20;  // tokens that come back a second
        double burst = 200;      // tokens of a new peer
        size_t max_peers = 100000;
    };
    using Clock = std::chrono::steady_clock;

    explicit PeerBuckets(Options options) : options_(options) {}

    // False when the peer has no token left; nothing is taken.
    bool has(std::string_view peer, Clock::time_point now);
    // Takes one token.
    void pay(std::string_view peer, Clock::time_point now);

private:
    struct Bucket {
        double tokens;
        Clock::time_point at;
    };
    Bucket& refilled(std::string_view peer, Clock::time_point now);

    Options options_;
    std::mutex mutex_;
    std::unordered_map<std::string, Bucket> buckets_;
};

}  // namespace engram::pipeline
