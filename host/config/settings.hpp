// The configuration of a server: read from one TOML file, overridden by the environment and --set, checked as a whole.
//
// load() returns either valid settings or every problem found. Settings are immutable afterwards; any thread.
#pragma once

#include "config/interpolate.hpp"
#include "config/problem.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace engram::config {

struct PluginEntry {
    std::string use;   // file name in plugins.dirs without ".so"
    std::string name;  // of the instance
    enum class Need { Required, Optional } need = Need::Required;  // Optional: the server starts without it
    std::string sha256;  // of the file in hex; empty = not pinned
    std::string config;  // JSON object, references resolved
    std::string where;   // "file:line"
};

struct Origin {
    std::string value;   // as text; "[secret]" if it came from a file or variable
    std::string source;  // "default", "oss.toml:7", "ENGRAM_SERVER_LISTEN", "--set"
};

struct Settings {
    std::string file;
    std::string listen, admin_listen, data;
    unsigned io_threads = 0, cpu_threads = 0, blocking_threads = 8;
    size_t queue_limit = 1024;
    unsigned drain_seconds = 25;
    uint64_t max_body = 4u << 20;
    size_t max_connections = 10000, max_connections_per_peer = 256;
    unsigned header_seconds = 10, body_seconds = 30, idle_seconds = 75;
    std::vector<std::string> trusted_proxies;
    std::string log_level, log_file, log_requests;
    std::vector<std::string> plugin_dirs;
    std::string base_domain, default_tenant;
    uint64_t spool_max_bytes = 64u << 20;
    std::vector<PluginEntry> plugins;
    std::map<std::string, Origin> origins;  // by key
};

struct Sources {
    std::string file;                                         // empty = search the usual places
    std::vector<std::pair<std::string, std::string>> sets;    // --set key=value, in order
    std::vector<std::pair<std::string, std::string>> environment;
    std::string exe_folder;
};

std::variant<Settings, Problems> load(const Sources& sources);

// What `engram config show` prints: every key with its value as TOML, secrets as "[secret]", and the plugins.
std::string show(const Settings& settings);
// What `engram config explain KEY` prints; a problem with a did-you-mean for an unknown key.
std::variant<std::string, Problem> explain(const Settings& settings, const std::string& key);

// True for an address that only this machine can reach: 127.0.0.0/8, [::1], localhost.
bool isLoopback(const std::string& host_and_port);

}  // namespace engram::config
