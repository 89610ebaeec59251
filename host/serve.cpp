#include "serve.hpp"

#include "config/data_directory.hpp"
#include "config/process_sources.hpp"
#include "config/settings.hpp"
#include "engine/engine.hpp"
#include "engine/uuid.hpp"
#include "first_key.hpp"
#include "http/server.hpp"
#include "loader/plugin_set.hpp"
#include "observe/log.hpp"
#include "observe/metrics.hpp"
#include "operations/services.hpp"
#include "operations/workspaces.hpp"
#include "pipeline/admin.hpp"
#include "pipeline/api.hpp"
#include "pipeline/plugin_routes.hpp"
#include "rest/openapi.hpp"
#include "spool/pump.hpp"

#include <Poco/Util/ServerApplication.h>

#include <csignal>
#include <cstdio>
#include <iostream>
#include <malloc.h>
#include <memory>
#include <optional>
#include <thread>

#include <sysexits.h>
#include <unistd.h>

namespace engram {
namespace {

using Clock = std::chrono::steady_clock;

int report(const config::Problems& problems) {
    for (const config::Problem& problem : problems) std::cerr << "engram: " << problem.text() << "\n";
    return EX_CONFIG;
}

int report(const Error& error, int code) {
    std::cerr << "engram: " << error.message << "\n";
    if (!error.hint.empty()) std::cerr << "  fix: " << error.hint << "\n";
    return code;
}

observe::Level levelOf(const std::string& name) {
    return name == "debug"  ? observe::Level::Debug
           : name == "warn" ? observe::Level::Warn
           : name == "error" ? observe::Level::Error
                             : observe::Level::Info;
}

template <class T>
std::vector<operations::Plugin<T>> pluginsOf(const loader::PluginSet& set, const char* id) {
    std::vector<operations::Plugin<T>> out;
    for (const auto& bound : set.all<T>(id)) out.push_back({bound.table, bound.self});
    return out;
}

loader::HostOutlets outletsOf(observe::Log& log, observe::Metrics& metrics, const std::string& data) {
    loader::HostOutlets outlets;
    outlets.min_log_level = static_cast<uint32_t>(log.level());
    outlets.log = [&log](uint32_t level, std::string_view instance, std::string_view message,
                         std::span<const engram_kv> fields) {
        std::vector<observe::Field> all = {{"plugin", instance}};
        for (const engram_kv& kv : fields) all.push_back({view(kv.key), view(kv.value)});
        log.write(static_cast<observe::Level>(level), message, all);
    };
    outlets.define_metric = [&metrics](uint32_t kind, const std::string& name, const std::string& help,
                                       const std::vector<std::string>& labels) {
        return metrics.define(kind, name, help, labels);
    };
    outlets.add_metric = [&metrics](uint64_t id, std::span<const std::string_view> values, double value) {
        metrics.add(id, values, value);
    };
    outlets.data = data;
    return outlets;
}

http::Limits limitsOf(const config::Settings& settings) {
    http::Limits limits;
    limits.header_time = std::chrono::seconds(settings.header_seconds);
    limits.body_time = std::chrono::seconds(settings.body_seconds);
    limits.idle_time = std::chrono::seconds(settings.idle_seconds);
    limits.connections = settings.max_connections;
    limits.connections_per_peer = settings.max_connections_per_peer;
    return limits;
}

unsigned threadsOr(unsigned wanted) { return wanted ? wanted : std::max(1u, std::thread::hardware_concurrency()); }

double residentBytes() {
    long pages = 0, resident = 0;
    if (FILE* file = std::fopen("/proc/self/statm", "r")) {
        if (std::fscanf(file, "%ld %ld", &pages, &resident) != 2) resident = 0;
        std::fclose(file);
    }
    return static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE));
}

// A server from its settings on: members are made in this order and end in the reverse one.
class Running {
public:
    Running(config::Settings settings, config::DataDirectory data)
        : settings_(std::move(settings)), data_(std::move(data)) {}

    // 0, or an exit code after the reason has been printed.
    int start();
    void announceStop();
    void stop();

private:
    int startPlugins();
    void buildEngine();
    int startSpool();
    int listen();
    void gauges();
    int greet();

    const config::Settings settings_;
    config::DataDirectory data_;
    rest::Router router_;
    std::unique_ptr<observe::Log> log_;
    std::unique_ptr<observe::Metrics> metrics_;
    std::unique_ptr<loader::PluginSet> plugins_;
    engine::SystemClock clock_;
    std::unique_ptr<engine::Engine> engine_;
    std::unique_ptr<operations::Workspaces> workspaces_;
    std::unique_ptr<operations::Services> services_;
    std::unique_ptr<spool::Spool> spool_;
    std::vector<std::unique_ptr<spool::Pump>> pumps_;
    std::unique_ptr<pipeline::PeerBuckets> peers_;
    std::unique_ptr<http::Server> server_;  // ends after the lanes: their tasks may still hold exchanges
    std::unique_ptr<pipeline::Lane> cpu_, blocking_;
    std::unique_ptr<pipeline::Context> context_;
    std::unique_ptr<pipeline::Api> api_;
    std::unique_ptr<pipeline::Admin> admin_;
    std::atomic<bool> draining_{false};
    std::string url_, admin_url_, socket_;
};

int Running::start() {
    auto log = observe::Log::open({levelOf(settings_.log_level), settings_.log_file});
    if (!log) return report(log.error(), EX_CANTCREAT);
    log_ = std::move(*log);
    metrics_ = std::make_unique<observe::Metrics>(pipeline::Api::routeNames(router_));
    if (const int failed = startPlugins()) return failed;
    buildEngine();
    if (const int failed = startSpool()) return failed;
    if (const int failed = listen()) return failed;
    gauges();
    return greet();
}

int Running::startPlugins() {
    const std::vector<std::filesystem::path> folders(settings_.plugin_dirs.begin(), settings_.plugin_dirs.end());
    auto loaded = loader::PluginSet::load(settings_.plugins, folders, outletsOf(*log_, *metrics_, data_.path()));
    if (auto* problems = std::get_if<config::Problems>(&loaded)) return report(*problems);
    plugins_ = std::move(std::get<std::unique_ptr<loader::PluginSet>>(loaded));
    if (const config::Problems problems = plugins_->start(); !problems.empty()) {
        plugins_->stop(Clock::now() + std::chrono::seconds(5));
        return report(problems);
    }
    return 0;
}

void Running::buildEngine() {
    const auto storage = plugins_->all<engram_storage_v1>(ENGRAM_STORAGE).front();
    const auto embedders = plugins_->all<engram_embed_v1>(ENGRAM_EMBED);
    engine::EmbedBinding embed;
    if (!embedders.empty()) embed = {embedders.front().table, embedders.front().self};
    engine::Engine::Options options;
    options.writers.threads = threadsOr(0);
    engine_ = std::make_unique<engine::Engine>(engine::StorageBinding{storage.table, storage.self}, embed, clock_, options);
    const auto tenancy = plugins_->all<engram_tenancy_v1>(ENGRAM_TENANCY).front();
    auto new_id = [this] { return engine::mintUuid(clock_.now()).text(); };
    workspaces_ = std::make_unique<operations::Workspaces>(tenancy.table, tenancy.self, new_id);
    auto flush = [this] {
        for (auto& pump : pumps_) pump->flush(Clock::now() + std::chrono::seconds(2));
    };
    services_.reset(new operations::Services{*engine_,
                                             {tenancy.table, tenancy.self},
                                             pluginsOf<engram_auth_v1>(*plugins_, ENGRAM_AUTH),
                                             pluginsOf<engram_metering_v1>(*plugins_, ENGRAM_METERING),
                                             *workspaces_,
                                             flush,
                                             [this] { return clock_.now(); },
                                             new_id});
}

int Running::startSpool() {
    const auto metering = plugins_->all<engram_metering_v1>(ENGRAM_METERING);
    const auto audit = plugins_->all<engram_metering_v1>(ENGRAM_AUDIT);
    if (metering.empty() && audit.empty()) return 0;
    auto spool = spool::Spool::open({data_.path() + "/spool", settings_.spool_max_bytes});
    if (!spool) return report(spool.error(), EX_CANTCREAT);
    spool_ = std::move(*spool);
    auto add = [&](const auto& bound, spool::Stream stream) {
        const std::string name(bound.instance);
        pumps_.push_back(std::make_unique<spool::Pump>(
            *spool_, spool::Pump::Target{name, bound.table, bound.self, stream}, [this, name](const std::string& why) {
                metrics_->usageFlushFailure();
                log_->write(observe::Level::Error, "events were not taken", {{"plugin", name}, {"reason", why}});
            }));
    };
    for (const auto& bound : metering) add(bound, spool::Stream::Usage);
    for (const auto& bound : audit) add(bound, spool::Stream::Audit);
    return 0;
}

int Running::listen() {
    cpu_ = std::make_unique<pipeline::Lane>(
        pipeline::Lane::Options{"cpu", threadsOr(settings_.cpu_threads), settings_.queue_limit});
    blocking_ = std::make_unique<pipeline::Lane>(
        pipeline::Lane::Options{"blocking", settings_.blocking_threads, settings_.queue_limit});
    peers_ = std::make_unique<pipeline::PeerBuckets>(pipeline::PeerBuckets::Options{});
    context_.reset(new pipeline::Context{
        *services_, services_->auth, services_->tenancy, pluginsOf<engram_quota_v1>(*plugins_, ENGRAM_QUOTA),
        pipeline::collectPluginRoutes(pluginsOf<engram_routes_v1>(*plugins_, ENGRAM_ROUTES)), router_, *cpu_, *blocking_,
        *log_, *metrics_, spool_.get(), *peers_, rest::openapiDocument(), settings_.base_domain, settings_.default_tenant,
        settings_.max_body,
        settings_.log_requests == "on" ? pipeline::RequestLog::On : pipeline::RequestLog::Off});
    api_ = std::make_unique<pipeline::Api>(*context_);
    admin_ = std::make_unique<pipeline::Admin>(*metrics_, *plugins_, draining_);

    http::Server::Options options;
    options.io_threads = settings_.io_threads;
    options.limits = limitsOf(settings_);
    options.on_refused = [this](std::string_view code, const http::Peer& peer) {
        metrics_->refused(code);
        log_->write(observe::Level::Debug, "refused", {{"error_code", code}, {"peer", peer.address}});
    };
    server_ = std::make_unique<http::Server>(std::move(options));
    auto api = server_->listen(settings_.listen, *api_);
    if (!api) return report(api.error(), EX_UNAVAILABLE);
    auto admin = server_->listen(settings_.admin_listen, *admin_);
    if (!admin) return report(admin.error(), EX_UNAVAILABLE);
    auto socket = config::socketPath(data_.path());
    if (!socket) return report(socket.error(), EX_CANTCREAT);
    if (auto local = server_->listenLocal(*socket, *api_); !local) return report(local.error(), EX_UNAVAILABLE);
    url_ = "http://" + *api;
    admin_url_ = "http://" + *admin;
    socket_ = *socket;
    server_->start();
    return 0;
}

void Running::gauges() {
    const http::Stats& stats = server_->stats();
    metrics_->gauge("engram_http_connections", "Open connections",
                    [&stats] { return static_cast<double>(stats.connections.load()); });
    metrics_->gauge("engram_http_refused_connections", "Connections refused since the start",
                    [&stats] { return static_cast<double>(stats.refused_connections.load()); });
    metrics_->gauge("engram_cpu_lane_depth", "Tasks waiting for a CPU thread",
                    [this] { return static_cast<double>(cpu_->depth()); });
    metrics_->gauge("engram_blocking_lane_depth", "Tasks waiting for a blocking thread",
                    [this] { return static_cast<double>(blocking_->depth()); });
    metrics_->gauge("engram_spool_bytes", "Bytes of events not yet consumed",
                    [this] { return spool_ ? static_cast<double>(spool_->bytesWaiting()) : 0; });
    metrics_->gauge("engram_log_dropped_lines", "Log lines dropped since the start",
                    [this] { return static_cast<double>(log_->dropped()); });
    metrics_->gauge("engram_resident_bytes", "Memory of the process", &residentBytes);
}

int Running::greet() {
    auto key = ensureFirstKey(*services_, settings_.default_tenant, data_.path(),
                              isatty(STDOUT_FILENO) ? KeyDelivery::Terminal : KeyDelivery::File);
    if (!key) return report(key.error(), EX_SOFTWARE);
    printGreeting(std::cout, {url_, admin_url_, socket_, data_.path(), settings_.plugins.size()}, *key,
                  isatty(STDOUT_FILENO) ? KeyDelivery::Terminal : KeyDelivery::File);
    log_->write(observe::Level::Info, "listening", {{"url", url_}, {"admin_url", admin_url_}, {"socket", socket_}});
    malloc_trim(0);  // start-up's garbage is not what an idle server should hold
    return 0;
}

void Running::announceStop() { log_->write(observe::Level::Info, "draining"); }

void Running::stop() {
    draining_.store(true);
    if (server_) server_->drain(std::chrono::seconds(settings_.drain_seconds));
    if (cpu_) cpu_->stop();
    if (blocking_) blocking_->stop();
    if (engine_) engine_->stop();
    for (auto& pump : pumps_) pump->stop();
    for (auto& pump : pumps_) pump->flush(Clock::now() + std::chrono::seconds(5));
    if (plugins_) plugins_->stop(Clock::now() + std::chrono::seconds(10));
}

// Poco's frame for a process that runs until it is told to stop.
class Application final : public Poco::Util::ServerApplication {
public:
    explicit Application(const ServeOptions& options) : options_(options) {}

protected:
    int main(const std::vector<std::string>&) override {
        auto loaded = config::load(config::sourcesOf(options_.config, options_.sets));
        if (auto* problems = std::get_if<config::Problems>(&loaded)) return report(*problems);
        auto& settings = std::get<config::Settings>(loaded);
        auto data = config::DataDirectory::open(settings.data);
        if (!data) return report(data.error(), data.error().code == "locked" ? EX_TEMPFAIL : EX_CANTCREAT);
        Running running(std::move(settings), std::move(*data));
        const int failed = running.start();
        if (failed == 0) {
            waitForTerminationRequest();
            running.announceStop();
        }
        running.stop();
        return failed;
    }

private:
    const ServeOptions& options_;
};

}  // namespace

int serve(const ServeOptions& options) {
    // Before any thread is there: termination is for the thread that waits for it.
    sigset_t termination;
    sigemptyset(&termination);
    for (int signal : {SIGINT, SIGQUIT, SIGTERM}) sigaddset(&termination, signal);
    pthread_sigmask(SIG_BLOCK, &termination, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
    mallopt(M_ARENA_MAX, 2);  // an arena a thread would keep more memory than it saves time
    Application application(options);
    char name[] = "engram";
    char* arguments[] = {name, nullptr};
    return application.run(1, arguments);
}

}  // namespace engram
