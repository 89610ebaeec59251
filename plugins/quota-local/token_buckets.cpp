#include "token_buckets.hpp"

#include <algorithm>

namespace engram::quota_local {
namespace {

constexpr uint64_t kMinute = 60'000'000'000;

uint64_t tokenTime(const Rate& rate) { return std::max<uint64_t>(1, kMinute / rate.per_minute); }

}  // namespace

// Full buckets say nothing and go first. If all are in use the fullest goes, so that a depleted one stays depleted.
void TokenBuckets::makeRoom(Shard& shard, uint64_t now) {
    std::erase_if(shard.full_at, [now](const auto& entry) { return entry.second <= now; });
    if (shard.full_at.size() < capacity_) return;
    shard.full_at.erase(std::min_element(shard.full_at.begin(), shard.full_at.end(),
                                         [](const auto& a, const auto& b) { return a.second < b.second; }));
}

Taken TokenBuckets::take(const std::string& name, const Rate& rate, uint64_t n, uint64_t now) {
    if (rate.per_minute == 0) return {true, UINT64_MAX, 0, 0};
    const uint64_t token = tokenTime(rate), window = token * std::max<uint64_t>(1, rate.burst);
    Shard& shard = shardOf(name);
    std::lock_guard lock(shard.mutex);
    auto it = shard.full_at.find(name);
    const uint64_t before = it == shard.full_at.end() ? now : std::max(now, it->second);
    const uint64_t after = before + std::min(n, rate.burst + 1) * token;
    if (after - now > window) {
        const uint64_t missing = after - now - window;
        return {false, (window - (before - now)) / token, before - now, missing};
    }
    if (it == shard.full_at.end()) {
        if (shard.full_at.size() >= capacity_) makeRoom(shard, now);
        shard.full_at.emplace(name, after);
    } else {
        it->second = after;
    }
    return {true, (window - (after - now)) / token, after - now, 0};
}

void TokenBuckets::give(const std::string& name, const Rate& rate, uint64_t n, uint64_t now) {
    if (rate.per_minute == 0) return;
    Shard& shard = shardOf(name);
    std::lock_guard lock(shard.mutex);
    auto it = shard.full_at.find(name);
    if (it == shard.full_at.end()) return;
    const uint64_t back = std::min(n, rate.burst) * tokenTime(rate);
    it->second = it->second > now + back ? it->second - back : now;
}

size_t TokenBuckets::size() {
    size_t n = 0;
    for (Shard& shard : shards_) {
        std::lock_guard lock(shard.mutex);
        n += shard.full_at.size();
    }
    return n;
}

}  // namespace engram::quota_local
