// A server from its settings on, and what a reload replaces of it.
//
// start() and stop() from the main thread; reload() and what it calls on the upkeep thread.
#pragma once

#include "certificates.hpp"
#include "config/data_directory.hpp"
#include "config/settings.hpp"
#include "engine/engine.hpp"
#include "health/monitor.hpp"
#include "http/server.hpp"
#include "idle_exit.hpp"
#include "loader/plugin_set.hpp"
#include "observe/log.hpp"
#include "observe/metrics.hpp"
#include "operations/services.hpp"
#include "operations/workspaces.hpp"
#include "pipeline/admin.hpp"
#include "pipeline/api.hpp"
#include "pipeline/audit_trail.hpp"
#include "pipeline/front.hpp"
#include "rest/router.hpp"
#include "serve.hpp"
#include "spool/pump.hpp"

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace engram {

// Everything that one configuration gives to requests. Requests under way hold it; the last one lets it end.
struct Generation {
    std::unique_ptr<loader::PluginSet> plugins;
    std::unique_ptr<operations::Services> services;
    std::unique_ptr<pipeline::Context> context;
    std::unique_ptr<pipeline::Api> api;
};

// A server from its settings on: members are made in this order and end in the reverse one.
class Running {
public:
    Running(config::Settings settings, config::Sources sources, config::DataDirectory data, ServeOptions::Start how)
        : sources_(std::move(sources)), data_(std::move(data)), how_(how), settings_(std::move(settings)) {}

    // 0, or an exit code after the reason has been printed.
    int start();
    void announceStop();
    void stop();

    // Reads the configuration again and takes over what is good; tells of it in the log. Returns at once.
    void reloadSoon();
    // Once a second: is it time to look for a new certificate?
    void tick(std::chrono::steady_clock::time_point now);

private:
    struct Reloaded {
        std::vector<std::string> changed, needs_restart;  // keys, and "plugin.<name>"
    };

    int startPlugins();
    void buildEngine();
    int startSpool();
    int listen();
    pipeline::Lane::Options laneOptions(const char* name, unsigned threads, int nice);
    bool stopWorkers();
    observe::Log::Options logOptionsOf(const config::Settings& settings) const;
    void gauges();
    void watchHealth();
    int greet();

    std::shared_ptr<Generation> makeGeneration(std::unique_ptr<loader::PluginSet> plugins, const config::Settings& settings);
    std::shared_ptr<Generation> generation() const;
    void useGeneration(std::shared_ptr<Generation> next);
    void retire(Generation* old);
    http::Policy policyOf(const config::Settings& settings) const;

    std::variant<Reloaded, config::Problems> reload();
    std::variant<Reloaded, config::Problems> takeOver(config::Settings next);
    void reloadFor(std::optional<http::Exchange> exchange);
    void tell(const std::variant<Reloaded, config::Problems>& outcome);
    void checkCertificate();
    void tellOfCertificate();

    const config::Sources sources_;  // as on the command line; the file is read anew
    config::DataDirectory data_;
    const ServeOptions::Start how_;
    config::Settings settings_;  // in effect; after start() the upkeep thread's
    std::atomic<unsigned> drain_seconds_{0}, check_seconds_{0};
    std::atomic<int64_t> reloaded_at_{0};  // Unix time
    std::chrono::steady_clock::time_point checked_at_{};
    rest::Router router_;
    std::unique_ptr<observe::Log> log_;
    std::unique_ptr<observe::Metrics> metrics_;
    Certificates certificates_;
    bool expiry_shown_ = false;
    std::unique_ptr<loader::PluginSet> plugins_;  // until there is a generation, and again when it has ended
    engine::SystemClock clock_;
    std::unique_ptr<engine::Engine> engine_;
    std::unique_ptr<operations::Workspaces> workspaces_;
    std::unique_ptr<spool::Spool> spool_;
    std::unique_ptr<pipeline::AuditTrail> audit_trail_;
    std::vector<std::unique_ptr<spool::Pump>> pumps_;
    std::unique_ptr<health::Monitor> health_;  // started with the first generation
    std::unique_ptr<pipeline::PeerBuckets> peers_;
    std::unique_ptr<pipeline::Lane> upkeep_;
    std::unique_ptr<http::Server> server_;  // ends after the lanes: their tasks may still hold exchanges
    std::unique_ptr<pipeline::Lane> cpu_, blocking_;
    std::unique_ptr<pipeline::Front> front_;
    std::unique_ptr<pipeline::Admin> admin_;
    std::unique_ptr<IdleExit> idle_exit_;
    mutable std::mutex generation_mutex_;
    std::shared_ptr<Generation> generation_;
    std::atomic<bool> draining_{false};
    std::string url_, admin_url_, socket_;
};

// A plugin's tables of one interface, in the order of the configuration.
template <class T>
std::vector<operations::Plugin<T>> pluginsOf(const loader::PluginSet& set, const char* id) {
    std::vector<operations::Plugin<T>> out;
    for (const auto& bound : set.all<T>(id)) out.push_back({bound.table, bound.self});
    return out;
}

observe::Level levelOf(const std::string& name);  // "debug", "info", "warn", "error"
http::TlsFiles tlsFilesOf(const config::Settings& settings);

}  // namespace engram
