// What operations work with. Owned by main; outlives every invocation.
#pragma once

#include "engine/engine.hpp"
#include "health/monitor.hpp"

#include <engram/audit.h>
#include <engram/auth.h>
#include <engram/cpp/result.hpp>
#include <engram/metering.h>
#include <engram/quota.h>
#include <engram/tenancy.h>

#include <functional>
#include <string>
#include <vector>

namespace engram::operations {

// A plugin's table with the instance it belongs to.
template <class T>
struct Plugin {
    const T* table = nullptr;
    void* self = nullptr;
};

class Workspaces;

struct Services {
    engine::Engine& engine;
    Plugin<engram_tenancy_v1> tenancy;
    std::vector<Plugin<engram_auth_v1>> auth;          // asked in order who issues keys
    std::vector<Plugin<engram_metering_v1>> metering;  // the first that answers queries
    Workspaces& workspaces;
    std::function<void()> flush_usage;        // hands spooled events to the metering and audit plugins
    std::function<int64_t()> now;             // milliseconds since the epoch
    std::function<std::string()> new_id;      // UUIDv7 as text
    std::vector<Plugin<engram_quota_v1>> quota{};  // asked for the limits of a plan
    std::vector<Plugin<engram_audit_v1>> audit{};  // the first that answers queries
    health::Monitor* health = nullptr;        // set before the server listens
    // Runs a task of a tenant on the CPU lane, for what goes on after a wait; false: the lane is full. Empty: it runs where it is.
    std::function<bool(const std::string& tenant, std::function<void()> task)> on_cpu{};
};

}  // namespace engram::operations
