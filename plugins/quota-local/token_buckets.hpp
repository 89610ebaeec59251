// Token buckets by name, in memory. Bounded; any thread; the time is the caller's.
//
// A bucket is kept as the time at which it will be full again (the generic cell rate algorithm, ITU-T I.371), so that
// one number says everything and an old bucket can be dropped without giving tokens away.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>

namespace engram::quota_local {

struct Rate {
    uint64_t per_minute = 600;  // 0 = unlimited
    uint64_t burst = 120;       // tokens of a full bucket
};

struct Taken {
    bool granted;
    uint64_t remaining;     // tokens left
    uint64_t reset_ns;      // until the bucket is full
    uint64_t retry_ns;      // until what was asked for is there; 0 if granted
};

class TokenBuckets {
public:
    explicit TokenBuckets(size_t capacity) : capacity_(capacity / kShards + 1) {}

    // Takes n tokens, or none if there are fewer. `now` in nanoseconds of a steady clock.
    Taken take(const std::string& name, const Rate& rate, uint64_t n, uint64_t now);
    // Gives n tokens back.
    void give(const std::string& name, const Rate& rate, uint64_t n, uint64_t now);
    size_t size();

private:
    static constexpr size_t kShards = 64;
    struct Shard {
        std::mutex mutex;
        std::unordered_map<std::string, uint64_t> full_at;  // nanoseconds
    };
    Shard& shardOf(const std::string& name) { return shards_[std::hash<std::string>()(name) % kShards]; }
    void makeRoom(Shard& shard, uint64_t now);

    size_t capacity_;  // a shard
    std::array<Shard, kShards> shards_;
};

}  // namespace engram::quota_local
