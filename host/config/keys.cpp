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
     "Requests that may wait for a thread before 503", Change::Reload},
    {"server.drain_seconds", Kind::Integer, "25", 0, 3600,
     "How long requests under way may take after SIGTERM", Change::Reload},
    {"server.answer_seconds", Kind::Integer, "60", 1, 3600,
     "How long a request may be worked on; then the client gets 503, whatever hangs"},
    {"server.max_body", Kind::Bytes, "4MiB", 1024, 1 << 30, "Largest request body; more is 413", Change::Reload},
    {"server.max_connections", Kind::Integer, "10000", 1, 1000000, "Connections in all; more are refused", Change::Reload},
    {"server.max_connections_per_peer", Kind::Integer, "256", 1, 1000000, "Connections from one address", Change::Reload},
    {"server.header_seconds", Kind::Integer, "10", 1, 3600, "Time for a request's headers to arrive", Change::Reload},
    {"server.body_seconds", Kind::Integer, "30", 1, 3600, "Time for a body, plus a second for each KiB", Change::Reload},
    {"server.idle_seconds", Kind::Integer, "75", 1, 86400,
     "How long a connection may be idle between requests", Change::Reload},
    {"server.trusted_proxies", Kind::TextList, "", 0, 0,
     "Addresses and ranges of proxies in front of this server: their X-Forwarded-* headers are believed", Change::Reload},
    {"server.on_demand_listen", Kind::Text, "", 0, 0,
     "Address that a server started on demand opens beside its socket, HOST:PORT; none if empty"},
    {"server.idle_exit_seconds", Kind::Integer, "900", 0, 31536000,
     "A server started on demand ends after this time without a connection; 0 = never"},
    {"mcp.allowed_hosts", Kind::TextList, "", 0, 0,
     "Host names by which /mcp is reached, beside loopback and tenancy.base_domain", Change::Reload},
    {"mcp.allowed_origins", Kind::TextList, "", 0, 0,
     "Origins whose pages may use /mcp, beside loopback, e.g. https://app.example", Change::Reload},
    {"log.level", Kind::Text, "info", 0, 0, "debug, info, warn or error", Change::Reload},
    {"log.file", Kind::Text, "", 0, 0, "Log file; standard error if empty", Change::Reload},
    {"log.requests", Kind::Text, "on", 0, 0, "on or off: a line for each request", Change::Reload},
    {"plugins.dirs", Kind::TextList, "${exe}/../lib/engram/plugins", 0, 0,
     "Folders in which plugins are looked up", Change::Reload},
    {"tenancy.base_domain", Kind::Text, "", 0, 0, "acme.<base domain> names the tenant acme", Change::Reload},
    {"tenancy.default_tenant", Kind::Text, "default", 0, 0,
     "Slug of the tenant in which the local owner acts", Change::Reload},
    {"spool.max_bytes", Kind::Bytes, "64MiB", 1 << 20, int64_t(1) << 40,
     "Disk space for events not yet consumed"},
    {"tls.certificate", Kind::Text, "", 0, 0,
     "Certificate of the API in PEM, with its chain; empty = no TLS", Change::Reload},
    {"tls.key", Kind::Text, "", 0, 0, "Private key in PEM; nobody else may read the file", Change::Reload},
    {"tls.key_password", Kind::Text, "", 0, 0, "Password of an encrypted key, as ${file:/path} or ${env:NAME}",
     Change::Reload},
    {"tls.check_seconds", Kind::Integer, "60", 0, 86400,
     "How often the two files are looked at for a new certificate; 0 = with a reload only", Change::Reload},
    {"tls.hsts_seconds", Kind::Integer, "63072000", 0, 1 << 30,
     "Strict-Transport-Security on answers over TLS; 0 = none", Change::Reload},
    {"cors.origins", Kind::TextList, "", 0, 0, "Web origins whose pages may call the API, e.g. https://app.example.com",
     Change::Reload},
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
