#include "config/keys.hpp"

namespace engram::config {
namespace {

constexpr Key kKeys[] = {
    {"server.listen", Kind::Text, "127.0.0.1:7227", 0, 0,
     "Address of the API, HOST:PORT; port 0 picks a free one"},
    {"server.admin_listen", Kind::Text, "127.0.0.1:7228", 0, 0,
     "Address of /metrics, /readyz and /healthz for operators; port 0 picks a free one"},
    {"server.data", Kind::Text, "${xdg:data}/engram", 0, 0,
     "Folder of everything the server keeps; made with mode 0700"},
    {"server.io_threads", Kind::Integer, "0", 0, 256, "Threads that speak HTTP; 0 = one a core"},
    {"server.cpu_threads", Kind::Integer, "0", 0, 256, "Threads for searches and analysis; 0 = one a core"},
    {"server.blocking_threads", Kind::Integer, "8", 1, 256,
     "Threads for calls that wait: control plane, plugins"},
    {"server.queue_limit", Kind::Integer, "1024", 1, 1000000,
     "Requests that may wait for a thread before 503"},
    {"server.drain_seconds", Kind::Integer, "25", 0, 3600,
     "How long requests under way may take after SIGTERM"},
    {"server.max_body", Kind::Bytes, "4MiB", 1024, 1 << 30, "Largest request body; more is 413"},
    {"server.max_connections", Kind::Integer, "10000", 1, 1000000, "Connections in all; more are refused"},
    {"server.max_connections_per_peer", Kind::Integer, "256", 1, 1000000, "Connections from one address"},
    {"server.header_seconds", Kind::Integer, "10", 1, 3600, "Time for a request's headers to arrive"},
    {"server.body_seconds", Kind::Integer, "30", 1, 3600, "Time for a body, plus a second for each KiB"},
    {"server.idle_seconds", Kind::Integer, "75", 1, 86400,
     "How long a connection may be idle between requests"},
    {"server.trusted_proxies", Kind::TextList, "", 0, 0,
     "Addresses of proxies that end TLS in front of this server; needed to listen beyond loopback"},
    {"log.level", Kind::Text, "info", 0, 0, "debug, info, warn or error"},
    {"log.file", Kind::Text, "", 0, 0, "Log file; standard error if empty"},
    {"log.requests", Kind::Text, "on", 0, 0, "on or off: a line for each request"},
    {"plugins.dirs", Kind::TextList, "${exe}/../lib/engram/plugins", 0, 0,
     "Folders in which plugins are looked up"},
    {"tenancy.base_domain", Kind::Text, "", 0, 0, "acme.<base domain> names the tenant acme"},
    {"tenancy.default_tenant", Kind::Text, "default", 0, 0,
     "Slug of the tenant in which the local owner acts"},
    {"spool.max_bytes", Kind::Bytes, "64MiB", 1 << 20, int64_t(1) << 40,
     "Disk space for events not yet consumed"},
};

}  // namespace

std::span<const Key> keys() {
    return kKeys;
}

const Key* findKey(std::string_view name) {
    for (const Key& key : kKeys)
        if (key.name == name) return &key;
    return nullptr;
}

std::string variableOf(std::string_view key) {
    std::string out = "ENGRAM_";
    for (char c : key) out += c == '.' ? '_' : static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    return out;
}

}  // namespace engram::config
