// The configuration of a server: read from one TOML file, overridden by the environment and --set, checked as
// a whole.
//
// load() returns either valid settings or every problem found. Settings are immutable afterwards; any thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "config/address.hpp"
#include "config/problem.hpp"

namespace engram::config {

struct PluginEntry {
    std::string use;                                               // file name in plugins.dirs without ".so"
    std::string name;                                              // of the instance
    enum class Need { Required, Optional } need = Need::Required;  // Optional: the server starts without it
    std::string sha256;                                            // of the file in hex; empty = not pinned
    std::string config;  // JSON object, references resolved: secret, never print it
    std::string shown;   // the same as TOML for people, secrets as "[secret]"
    std::string where;   // "file:line"
};

// Where a key's value comes from.
struct Origin {
    std::string value;               // as text; "[secret]" if it came from a file or variable
    std::string source;              // "default", "oss.toml:7", "ENGRAM_SERVER_LISTEN", "--set"
    std::vector<std::string> items;  // of a list, if it is no secret
};

struct Settings {
    std::string file;
    std::string listen, admin_listen, data;
    unsigned io_threads = 0, cpu_threads = 0, blocking_threads = 8;
    size_t queue_limit = 1024;
    unsigned drain_seconds = 25, answer_seconds = 60;
    uint64_t max_body = 4u << 20;
    size_t max_connections = 10000, max_connections_per_peer = 256;
    unsigned header_seconds = 10, body_seconds = 30, idle_seconds = 75;
    std::vector<std::string> trusted_proxies;
    std::string on_demand_listen;  // empty = the socket alone
    unsigned idle_exit_seconds = 900;
    std::vector<std::string> mcp_hosts, mcp_origins;
    std::string log_level, log_file, log_requests;
    std::vector<std::string> plugin_dirs;
    std::string base_domain, default_tenant;
    uint64_t spool_max_bytes = 64u << 20;
    std::string tls_certificate, tls_key;
    std::string tls_key_password;  // secret, never print it
    unsigned tls_check_seconds = 60, hsts_seconds = 63072000;
    std::vector<std::string> cors_origins;
    std::vector<PluginEntry> plugins;
    std::map<std::string, std::string> resolved;  // by key, references replaced: may be secret, never print it
    std::map<std::string, Origin> origins;  // by key
};

struct Sources {
    std::string file;                                       // empty = search the usual places
    std::vector<std::pair<std::string, std::string>> sets;  // --set key=value, in order
    std::vector<std::pair<std::string, std::string>> environment;
    std::string exe_folder;
};

// The settings, or everything that is wrong. Without a file, the one of $ENGRAM_CONFIG,
// <exe>/../etc/engram/oss.toml or /etc/engram/engram.toml is read; there is no configuration without a file.
// --set wins over the environment, that over the file.
std::variant<Settings, Problems> load(const Sources& sources);

// What would serve other machines unsafely: an address beyond loopback without TLS or a proxy that ends it, and the admin
// listener anywhere but on loopback. Part of load(); again for settings that were put together later.
Problems checkExposure(const Settings& settings);

// Keys that keep their value until a restart take the running value in `next`. The keys that would have changed: of the
// second list at once, of the first with a restart.
struct Changes {
    std::vector<std::string> restart, reload;
};
Changes keepUntilRestart(const Settings& running, Settings& next);

// What `engram config show` prints: every key with its value as TOML, secrets as "[secret]", and the plugins.
// What came from ${env:…} or ${file:…} is secret, and so is a plugin's key that sounds like it ("token",
// "api_key").
std::string show(const Settings& settings);
std::string showJson(const Settings& settings);
// What `engram config explain KEY` prints; a problem with a did-you-mean for an unknown key.
std::variant<std::string, Problem> explain(const Settings& settings, const std::string& key);
std::variant<std::string, Problem> explainJson(const Settings& settings, const std::string& key);
// All keys as a table in Markdown, for the reference page.
std::string reference();

}  // namespace engram::config
