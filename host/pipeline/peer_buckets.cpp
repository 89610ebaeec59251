#include "pipeline/peer_buckets.hpp"

#include <algorithm>

namespace engram::pipeline {

PeerBuckets::Bucket& PeerBuckets::refilled(std::string_view peer, Clock::time_point now) {
    auto it = buckets_.find(std::string(peer));
    if (it == buckets_.end()) {
        // A full table forgets the peers whose bucket has had the time to fill up again.
        if (buckets_.size() >= options_.max_peers) {
            const auto full_after = std::chrono::duration<double>(options_.burst / options_.per_second);
            std::erase_if(buckets_, [&](const auto& entry) { return now - entry.second.at > full_after; });
            if (buckets_.size() >= options_.max_peers) buckets_.erase(buckets_.begin());
        }
        it = buckets_.emplace(std::string(peer), Bucket{options_.burst, now}).first;
    }
    Bucket& bucket = it->second;
    const double seconds = std::chrono::duration<double>(now - bucket.at).count();
    bucket.tokens = std::min(options_.burst, bucket.tokens + seconds * options_.per_second);
    bucket.at = now;
    return bucket;
}

bool PeerBuckets::has(std::string_view peer, Clock::time_point now) {
    std::lock_guard lock(mutex_);
    auto it = buckets_.find(std::string(peer));
    return it == buckets_.end() || refilled(peer, now).tokens >= 1;
}

void PeerBuckets::pay(std::string_view peer, Clock::time_point now) {
    std::lock_guard lock(mutex_);
    Bucket& bucket = refilled(peer, now);
    bucket.tokens = std::max(0.0, bucket.tokens - 1);
}

}  // namespace engram::pipeline
