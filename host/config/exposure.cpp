// What of a configuration concerns a running server: whom it would serve, and which keys it can take over.
#include "config/keys.hpp"
#include "config/settings.hpp"

#include <utility>

namespace engram::config {
namespace {

Problem at(const Settings& settings, const std::string& key, std::string message, std::string hint) {
    const auto origin = settings.origins.find(key);
    const bool own = origin != settings.origins.end() && origin->second.source != "default";
    return {own ? origin->second.source : "default of " + key, std::move(message), std::move(hint)};
}

bool beyondLoopback(const std::string& address) { return parseAddress(address) && !isLoopback(address); }

}  // namespace

Problems checkExposure(const Settings& settings) {
    Problems problems;
    const bool tls = !settings.tls_certificate.empty();
    const std::pair<std::string, std::string> addresses[] = {{"server.listen", settings.listen},
                                                             {"server.on_demand_listen", settings.on_demand_listen}};
    for (const auto& [key, address] : addresses)
        if (beyondLoopback(address) && !tls && settings.trusted_proxies.empty())
            problems.push_back(at(settings, key, key + " would serve other machines without TLS",
                                  "set tls.certificate and tls.key, or listen on 127.0.0.1, or put a proxy that ends TLS "
                                  "in front and name its address in server.trusted_proxies"));
    if (beyondLoopback(settings.admin_listen))
        problems.push_back(at(settings, "server.admin_listen",
                              "server.admin_listen would serve other machines without asking for a credential",
                              "listen on 127.0.0.1 or [::1]; a proxy or an SSH tunnel on this machine can lead there"));
    return problems;
}

Changes keepUntilRestart(const Settings& running, Settings& next) {
    Changes changes;
    for (const Key& key : keys()) {
        const std::string name(key.name);
        if (running.resolved.at(name) == next.resolved.at(name)) continue;
        (key.change == Change::Reload ? changes.reload : changes.restart).push_back(name);
        if (key.change == Change::Reload) continue;
        next.resolved[name] = running.resolved.at(name);
        next.origins[name] = running.origins.at(name);
    }
    next.listen = running.listen;
    next.admin_listen = running.admin_listen;
    next.on_demand_listen = running.on_demand_listen;
    next.idle_exit_seconds = running.idle_exit_seconds;
    next.data = running.data;
    next.io_threads = running.io_threads;
    next.cpu_threads = running.cpu_threads;
    next.blocking_threads = running.blocking_threads;
    next.answer_seconds = running.answer_seconds;
    next.spool_max_bytes = running.spool_max_bytes;
    return changes;
}

}  // namespace engram::config
