#include "serve.hpp"

#include "config/process_sources.hpp"
#include "engine/uuid.hpp"
#include "first_key.hpp"
#include "idle_exit.hpp"
#include "problem/problem.hpp"
#include "running.hpp"

#include <Poco/Util/ServerApplication.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <iostream>
#include <malloc.h>
#include <memory>
#include <optional>
#include <thread>

#include <sys/resource.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

namespace engram {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kCpuLaneNice = 5;  // reads beside searches keep their latency: a core is theirs when they wake
constexpr rlim_t kDescriptors = 65536;

int report(const config::Problems& problems) {
    for (const config::Problem& problem : problems) std::cerr << "engram: " << problem.text() << "\n";
    return EX_CONFIG;
}

int report(const Error& error, int code) {
    std::cerr << "engram: " << error.message << "\n";
    if (!error.hint.empty()) std::cerr << "  fix: " << error.hint << "\n";
    return code;
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

unsigned threadsOr(unsigned wanted) { return wanted ? wanted : std::max(1u, std::thread::hardware_concurrency()); }

double residentBytes() {
    long pages = 0, resident = 0;
    if (FILE* file = std::fopen("/proc/self/statm", "r")) {
        if (std::fscanf(file, "%ld %ld", &pages, &resident) != 2) resident = 0;
        std::fclose(file);
    }
    return static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE));
}

}  // namespace

observe::Level levelOf(const std::string& name) {
    return name == "debug"  ? observe::Level::Debug
           : name == "warn" ? observe::Level::Warn
           : name == "error" ? observe::Level::Error
                             : observe::Level::Info;
}

observe::Log::Options Running::logOptionsOf(const config::Settings& settings) const {
    constexpr uint64_t kMaxLog = 8u << 20;
    observe::Log::Options options{levelOf(settings.log_level), settings.log_file};
    if (how_ == ServeOptions::Start::OnDemand && settings.log_file.empty()) {
        options.file = data_.path() + "/" + kOnDemandLog;  // nobody reads its standard error
        options.max_bytes = kMaxLog;
    }
    return options;
}

http::TlsFiles tlsFilesOf(const config::Settings& settings) {
    return {settings.tls_certificate, settings.tls_key, settings.tls_key_password};
}

int Running::start() {
    auto log = observe::Log::open(logOptionsOf(settings_));
    if (!log) return report(log.error(), EX_CANTCREAT);
    log_ = std::move(*log);
    drain_seconds_ = settings_.drain_seconds;
    check_seconds_ = settings_.tls_check_seconds;
    reloaded_at_ = std::time(nullptr);
    metrics_ = std::make_unique<observe::Metrics>(pipeline::Api::routeNames(router_));
    if (const int failed = startPlugins()) return failed;
    buildEngine();
    if (const int failed = startSpool()) return failed;
    watchHealth();
    if (const int failed = listen()) return failed;
    gauges();
    if (const int failed = greet()) return failed;
    if (how_ == ServeOptions::Start::OnDemand && settings_.idle_exit_seconds > 0)
        idle_exit_ = std::make_unique<IdleExit>(server_->stats(), std::chrono::seconds(settings_.idle_exit_seconds));
    return 0;
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
    std::vector<engine::EmbedBinding> embed;
    for (const auto& bound : embedders) embed.push_back({bound.table, bound.self, std::string(bound.instance)});
    engine::Engine::Options options;
    options.writers.threads = threadsOr(0);
    options.filler.on_switched = [this](const std::string& tenant, const std::string& model) {
        log_->write(observe::Level::Info, "a tenant is searched by another model", {{"tenant", tenant}, {"model", model}});
    };
    options.filler.on_failing = [this](const std::string& embedder, const std::string& why) {
        log_->write(observe::Level::Warn, "an embedder fails; vectors come later", {{"embedder", embedder}, {"reason", why}});
    };
    engine_ = std::make_unique<engine::Engine>(engine::StorageBinding{storage.table, storage.self}, std::move(embed), clock_,
                                               options);
    const auto tenancy = plugins_->all<engram_tenancy_v1>(ENGRAM_TENANCY).front();
    workspaces_ = std::make_unique<operations::Workspaces>(tenancy.table, tenancy.self,
                                                           [this] { return engine::mintUuid(clock_.now()).text(); });
}

int Running::startSpool() {
    const auto metering = plugins_->all<engram_metering_v1>(ENGRAM_METERING);
    const auto audit = plugins_->all<engram_audit_v1>(ENGRAM_AUDIT);
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
    if (audit.empty()) return 0;
    audit_trail_ = std::make_unique<pipeline::AuditTrail>(
        *spool_, [this] { return clock_.now(); },
        [this](const std::string& why) {
            metrics_->spoolFull();
            log_->write(observe::Level::Error, "an audit event was lost", {{"reason", why}});
        });
    return 0;
}

// A task is taken for stuck some time before its client is told, so that others go on meanwhile.
pipeline::Lane::Options Running::laneOptions(const char* name, unsigned threads, int nice) {
    pipeline::Lane::Options options{name, threads, settings_.queue_limit, nice};
    options.stuck_after = std::min(options.stuck_after, std::chrono::milliseconds(settings_.answer_seconds * 500));
    options.on_stuck = [this](std::string_view lane, std::string_view key) {
        log_->write(observe::Level::Error, "a task hangs; another thread takes its place", {{"lane", lane}, {"of", key}});
    };
    return options;
}

int Running::listen() {
    cpu_ = std::make_unique<pipeline::Lane>(laneOptions("cpu", threadsOr(settings_.cpu_threads), kCpuLaneNice));
    blocking_ = std::make_unique<pipeline::Lane>(laneOptions("blocking", settings_.blocking_threads, 0));
    peers_ = std::make_unique<pipeline::PeerBuckets>(pipeline::PeerBuckets::Options{});
    pipeline::Lane::Options serial{"upkeep", 1, 64};
    serial.stuck_after = std::chrono::hours(24 * 365);  // one after the other: a slow reload gets no second thread
    upkeep_ = std::make_unique<pipeline::Lane>(std::move(serial));
    front_ = std::make_unique<pipeline::Front>([this](http::Exchange exchange) {
        auto shared = std::make_shared<http::Exchange>(std::move(exchange));
        const auto reload = [this, shared] { reloadFor(std::move(*shared)); };
        if (upkeep_->submit("", reload) == pipeline::Lane::Admission::Accepted) return;
        http::Response busy;
        busy.status = problem::kindOf("overloaded").status;
        busy.content_type = problem::kContentType;
        busy.body = problem::document({"overloaded", "too many reloads are waiting", "", ""}, shared->request().id());
        std::move(*shared).reply(std::move(busy));
    });
    useGeneration(makeGeneration(std::move(plugins_), settings_));
    health_->start();
    admin_ = std::make_unique<pipeline::Admin>(*metrics_, [this] { return generation()->plugins->states(); }, draining_);

    const http::TlsFiles tls = tlsFilesOf(settings_);
    auto certificate = certificates_.read(tls);
    if (!certificate) return report(certificate.error(), EX_CONFIG);
    certificates_.use(std::move(*certificate));
    tellOfCertificate();

    http::Server::Options options;
    options.io_threads = settings_.io_threads;
    options.policy = policyOf(settings_);
    options.on_refused = [this](std::string_view code, const http::Peer& peer) {
        metrics_->refused(code);
        log_->write(observe::Level::Debug, "refused", {{"error_code", code}, {"peer", peer.address}});
    };
    server_ = std::make_unique<http::Server>(std::move(options));
    // A server started on demand takes no port that another one of this machine may want.
    const bool on_demand = how_ == ServeOptions::Start::OnDemand;
    if (const std::string& address = on_demand ? settings_.on_demand_listen : settings_.listen; !address.empty()) {
        auto api = server_->listen(address, *front_, certificates_.slot());
        if (!api) return report(api.error(), EX_UNAVAILABLE);
        url_ = (tls.certificate.empty() ? "http://" : "https://") + *api;
    }
    if (!on_demand) {
        auto admin = server_->listen(settings_.admin_listen, *admin_);
        if (!admin) return report(admin.error(), EX_UNAVAILABLE);
        admin_url_ = "http://" + *admin;
    }
    auto socket = config::socketPath(data_.path());
    if (!socket) return report(socket.error(), EX_CANTCREAT);
    if (auto local = server_->listenLocal(*socket, *front_); !local) return report(local.error(), EX_UNAVAILABLE);
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
    metrics_->gauge("engram_lane_stuck_tasks", "Tasks that hang, each with a thread of its own",
                    [this] { return static_cast<double>(cpu_->stuck() + blocking_->stuck()); });
    metrics_->gauge("engram_spool_bytes", "Bytes of events not yet consumed",
                    [this] { return spool_ ? static_cast<double>(spool_->bytesWaiting()) : 0; });
    metrics_->gauge("engram_vectors_pending", "Vectors still to come, of the tenants in use",
                    [this] { return static_cast<double>(engine_->filler().pending()); });
    metrics_->gauge("engram_vectors_filled", "Vectors that came after their memories since the start",
                    [this] { return static_cast<double>(engine_->filler().filled()); });
    metrics_->gauge("engram_expired_purged", "Expired memories purged since the start",
                    [this] { return static_cast<double>(engine_->expiry().purged()); });
    metrics_->gauge("engram_embed_failures", "Calls of an embedder for memories that failed since the start",
                    [this] { return static_cast<double>(engine_->filler().failures()); });
    metrics_->gauge("engram_log_dropped_lines", "Log lines dropped since the start",
                    [this] { return static_cast<double>(log_->dropped()); });
    metrics_->gauge("engram_config_last_reload_success_timestamp_seconds",
                    "When the configuration in effect was taken over, Unix time",
                    [this] { return static_cast<double>(reloaded_at_.load()); });
    metrics_->gauge("engram_resident_bytes", "Memory of the process", &residentBytes);
}

void Running::watchHealth() {
    const uint64_t metric = *metrics_->define(ENGRAM_METRIC_GAUGE, "engram_health_issues",
                                              "Issues that the last check of the server's health met, by code",
                                              {"code", "severity"});
    health::Monitor::Outlets outlets;
    outlets.plugins = [this](loader::Depth depth) { return generation()->plugins->states(depth); };
    outlets.spool_bytes = [this] { return spool_ ? spool_->bytesWaiting() : 0; };
    outlets.log_dropped = [this] { return log_->dropped(); };
    outlets.publish = [this, metric](const health::Findings& findings) {
        for (const health::Issue& issue : health::issues()) {
            const auto met = std::count_if(findings.begin(), findings.end(),
                                           [&](const health::Finding& found) { return found.code == issue.code; });
            const std::string_view labels[] = {issue.code, health::nameOf(issue.severity)};
            metrics_->add(metric, labels, static_cast<double>(met));
        }
    };
    outlets.appeared = [this](const health::Finding& found) {
        const auto level = found.severity == health::Severity::Info ? observe::Level::Info : observe::Level::Warn;
        log_->write(level, "health issue", {{"issue", found.code}, {"evidence", found.evidence}, {"fix", found.fix}});
    };
    health_ = std::make_unique<health::Monitor>(
        health::Monitor::Options{data_.path(), settings_.max_connections, settings_.spool_max_bytes},
        std::move(outlets));
}

int Running::greet() {
    auto key = ensureFirstKey(*generation()->services, settings_.default_tenant, data_.path(),
                              isatty(STDOUT_FILENO) ? KeyDelivery::Terminal : KeyDelivery::File);
    if (!key) return report(key.error(), EX_SOFTWARE);
    if (*key && audit_trail_) {
        pipeline::AuditEntry entry;
        entry.tenant = (*key)->tenant;
        entry.subject = "local:owner";
        entry.operation = "key.create";
        entry.status = 201;
        entry.peer = "local";
        entry.target_kind = "key";
        entry.target = "first key";
        entry.after = (*key)->document;
        if (auto kept = audit_trail_->changed(entry); !kept) return report(kept.error(), EX_IOERR);
    }
    printGreeting(std::cout, {url_, admin_url_, socket_, data_.path(), settings_.plugins.size()}, *key,
                  isatty(STDOUT_FILENO) ? KeyDelivery::Terminal : KeyDelivery::File);
    log_->write(observe::Level::Info, "listening", {{"url", url_}, {"admin_url", admin_url_}, {"socket", socket_}});
    malloc_trim(0);  // start-up's garbage is not what an idle server should hold
    return 0;
}

void Running::announceStop() { log_->write(observe::Level::Info, "draining"); }

void Running::stop() {
    draining_.store(true);
    idle_exit_.reset();
    if (server_) server_->drain(std::chrono::seconds(drain_seconds_));
    const bool ended = stopWorkers();
    if (engine_) engine_->stop();
    if (ended) {
        if (const auto last = generation()) {
            plugins_ = std::move(last->plugins);
            useGeneration(nullptr);
        }
        if (plugins_) plugins_->stop(Clock::now() + std::chrono::seconds(10));
        return;
    }
    // What hangs still uses what would be destroyed now. Everything acknowledged is on disk, so the process just ends.
    log_->write(observe::Level::Error, "stopped without waiting for a plugin that hangs");
    log_->flush();
    std::_Exit(EX_SOFTWARE);
}

// False: something did not come back in time.
bool Running::stopWorkers() {
    const auto deadline = Clock::now() + std::chrono::seconds(5);
    bool ended = !health_ || health_->stop(deadline);
    // Before the lanes: a search that waits for its vector goes on there.
    if (engine_) ended = engine_->stopEmbedding(deadline) && ended;
    if (cpu_) ended = cpu_->stop(deadline) && ended;
    if (blocking_) ended = blocking_->stop(deadline) && ended;
    // What they are not given now they get after the next start.
    if (audit_trail_) audit_trail_->flush();
    for (auto& pump : pumps_) pump->flush(deadline);
    for (auto& pump : pumps_) ended = pump->stop(deadline) && ended;
    if (upkeep_) ended = upkeep_->stop(deadline) && ended;
    return ended;
}

namespace {

// Signals that end the server, and the one that reloads it.
constexpr int kSignals[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP};

sigset_t awaited() {
    sigset_t set;
    sigemptyset(&set);
    for (int signal : kSignals) sigaddset(&set, signal);
    return set;
}

// Serves until the process is told to end. A terminal that is closed sends SIGHUP too: a server that was started on it
// ends with it instead of reloading.
void waitForTheEnd(Running& running) {
    const sigset_t set = awaited();
    const bool on_terminal = isatty(STDOUT_FILENO) == 1;
    while (true) {
        const timespec second{1, 0};
        const int signal = sigtimedwait(&set, nullptr, &second);
        const bool hung_up = signal == SIGHUP && on_terminal && isatty(STDOUT_FILENO) != 1;
        if (signal == SIGHUP && !hung_up) running.reloadSoon();
        else if (signal > 0) return;
        running.tick(Clock::now());
    }
}

// Poco's frame for a process that runs until it is told to stop.
class Application final : public Poco::Util::ServerApplication {
public:
    explicit Application(const ServeOptions& options) : options_(options) {}

protected:
    int main(const std::vector<std::string>&) override {
        const config::Sources sources = config::sourcesOf(options_.config, options_.sets);
        auto loaded = config::load(sources);
        if (auto* problems = std::get_if<config::Problems>(&loaded)) return report(*problems);
        auto& settings = std::get<config::Settings>(loaded);
        auto data = config::DataDirectory::open(settings.data);
        if (!data) return report(data.error(), data.error().code == "locked" ? EX_TEMPFAIL : EX_CANTCREAT);
        Running running(std::move(settings), sources, std::move(*data), options_.start);
        const int failed = running.start();
        if (failed == 0) {
            waitForTheEnd(running);
            running.announceStop();
        }
        running.stop();
        return failed;
    }

private:
    const ServeOptions& options_;
};

// A descriptor a connection, and some: as many as we are allowed without asking, where the default is less.
void raiseDescriptorLimit() {
    rlimit files{};
    if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur >= kDescriptors || files.rlim_cur >= files.rlim_max) return;
    files.rlim_cur = std::min<rlim_t>(files.rlim_max, kDescriptors);
    setrlimit(RLIMIT_NOFILE, &files);
}

}  // namespace

int serve(const ServeOptions& options) {
    // Before any thread is there: signals are for the thread that waits for them.
    const sigset_t set = awaited();
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
    umask(0077);  // whatever the server or a plugin writes is its owner's alone
    raiseDescriptorLimit();
    mallopt(M_ARENA_MAX, 2);  // an arena a thread would keep more memory than it saves time
    // Verifying a key takes 19 MiB for a moment: they go back to the system instead of staying in an arena. Without this
    // the threshold would rise to the first such block that is freed.
    mallopt(M_MMAP_THRESHOLD, 16 << 20);
    // A search takes a megabyte or two and gives them back: not to the system, which would hand out new pages each time.
    mallopt(M_TRIM_THRESHOLD, 4 << 20);
    Application application(options);
    char name[] = "/proc/self/exe";  // with a slash, or Poco looks for it in PATH and fails without one
    char* arguments[] = {name, nullptr};
    return application.run(1, arguments);
}

}  // namespace engram
