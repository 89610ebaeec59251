// `engram serve`: puts the rooms together, runs until SIGTERM, takes them apart in order.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace engram {

struct ServeOptions {
    // OnDemand: started by a client; only the socket and server.on_demand_listen, and it ends when idle.
    enum class Start { Foreground, OnDemand } start = Start::Foreground;
    std::string config;  // file; empty = search
    std::vector<std::pair<std::string, std::string>> sets;  // key, value: --set and the named options
};

// Runs the server in the foreground. Returns a sysexits code: 0, 69 (cannot listen), 73 (data directory), 75 (another
// server holds the data directory), 78 (configuration or plugins).
int serve(const ServeOptions& options);

}  // namespace engram
