// What operations work with. Owned by main; outlives every invocation.
#pragma once

#include "engine/engine.hpp"

#include <engram/auth.h>
#include <engram/cpp/result.hpp>
#include <engram/metering.h>
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
    std::function<void()> flush_usage;        // hands spooled events to the metering plugins
    std::function<int64_t()> now;             // milliseconds since the epoch
    std::function<std::string()> new_id;      // UUIDv7 as text
};

}  // namespace engram::operations
