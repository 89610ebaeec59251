// What tenants have used of what time gives back: calls of the day (UTC), and requests of the minute as a token bucket.
//
// The times are the caller's. Calls of the day can be written to a file and read from it; buckets start full. Bounded.
// Any thread; never blocks long.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace engram::quota_plan {

struct Rate {
    uint64_t per_minute, burst;  // both above 0
};

struct Taken {
    bool granted;
    uint64_t remaining;  // after this one
    uint64_t wait_ms;    // if refused: until one is granted
    uint64_t reset_ms;   // until nothing is used any more
};

class Ledger {
public:
    static constexpr size_t kMaxTenants = 1000000;

    // One call of the tenant's day; refused at `max`. A clock that goes back does not begin an old day again.
    Taken call(const std::string& tenant, uint64_t max, int64_t now_ms);
    // Gives a call of that day back.
    void giveBack(const std::string& tenant, int64_t day);
    // Calls used today, and milliseconds until the day ends.
    Taken used(const std::string& tenant, int64_t now_ms);

    // One request of the bucket (the generic cell rate algorithm, ITU-T I.371). `now_ns` of a steady clock.
    Taken request(const std::string& tenant, const Rate& rate, uint64_t now_ns);

    int64_t day(int64_t now_ms);

    // The calls of the day as text, a line a tenant; the caller writes it where it lasts. Empty if nothing has changed
    // since the last time.
    std::string changes(int64_t now_ms);
    // What changes() gave. False if the text is not that; what could be read counts.
    bool restore(std::string_view text);

private:
    struct Account {
        uint64_t calls = 0;    // of today
        uint64_t full_at = 0;  // when the bucket is full again, nanoseconds; 0 = it is
    };
    void turn(int64_t now_ms);
    Account& account(const std::string& tenant);

    std::mutex mutex_;
    int64_t day_ = INT64_MIN;
    bool changed_ = false;
    std::unordered_map<std::string, Account> accounts_;
};

}  // namespace engram::quota_plan
