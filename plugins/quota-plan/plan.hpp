// A plan: what a tenant may have, and how fast it may ask. Read from the control plane's document (tenancy.h, kind plan)
// and the configuration. Values and pure functions; any thread.
#pragma once

#include <rapidjson/document.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace engram::quota_plan {

inline constexpr uint64_t kUnlimited = UINT64_MAX;

// The members of a plan's document, in the order in which they are told.
enum Unit { kMemories, kWorkspaces, kIdentities, kSessions, kStorageBytes, kCallsADay, kRequestsAMinute, kBurst, kUnits };
inline constexpr std::array<std::string_view, kUnits> kUnitNames = {
    "memories", "workspaces", "identities", "sessions", "storage_bytes", "api_calls_day", "rpm", "burst"};

struct Plan {
    std::array<uint64_t, kUnits> max;
    Plan() { max.fill(kUnlimited); }

    // Requests at once: "burst", or a minute's worth if the plan does not say.
    uint64_t burst() const { return max[kBurst] != kUnlimited ? max[kBurst] : max[kRequestsAMinute]; }
};

// Takes what the object names: a whole number, or null or -1 for unlimited. The name of the first member that is neither,
// or, with Refuse, unknown; empty if all is well.
enum class Unknown { Ignore, Refuse };
std::string read(const rapidjson::Value& object, Unknown unknown, Plan& plan);

}  // namespace engram::quota_plan
