// A new configuration for a running server: checked as a whole, then taken over, or not at all.
#include "json/json.hpp"
#include "pipeline/plugin_routes.hpp"
#include "problem/problem.hpp"
#include "rest/openapi.hpp"
#include "running.hpp"

#include <algorithm>
#include <ctime>

namespace engram {
namespace {

using Clock = std::chrono::steady_clock;

std::string joined(const std::vector<std::string>& words) {
    std::string out;
    for (const std::string& word : words) out += (out.empty() ? "" : ", ") + word;
    return out;
}

void list(json::Writer& out, const char* name, const std::vector<std::string>& words) {
    out.Key(name);
    out.StartArray();
    for (const std::string& word : words) out.String(word.data(), static_cast<rapidjson::SizeType>(word.size()));
    out.EndArray();
}

// Whose pages may call the API may use /mcp.
pipeline::McpAccess mcpAccessOf(const config::Settings& settings) {
    using Listens = pipeline::McpAccess::Listens;
    std::vector<std::string> origins = settings.mcp_origins;
    origins.insert(origins.end(), settings.cors_origins.begin(), settings.cors_origins.end());
    return {settings.mcp_hosts, std::move(origins), settings.base_domain,
            config::isLoopback(settings.listen) ? Listens::Loopback : Listens::Beyond};
}

http::Response refusal(const config::Problems& problems, const std::string& request_id) {
    std::string detail;
    for (const config::Problem& problem : problems)
        detail += (detail.empty() ? "" : "\n") + problem.where + ": " + problem.message;
    http::Response response;
    response.status = problem::kindOf("config_invalid").status;
    response.content_type = problem::kContentType;
    response.body = problem::document({"config_invalid", detail, problems.front().hint, ""}, request_id);
    return response;
}

}  // namespace

http::Policy Running::policyOf(const config::Settings& settings) const {
    http::Policy policy;
    http::Limits& limits = policy.limits;
    limits.handshake_time = limits.header_time = std::chrono::seconds(settings.header_seconds);
    limits.body_time = std::chrono::seconds(settings.body_seconds);
    limits.answer_time = std::chrono::seconds(settings.answer_seconds);
    limits.idle_time = std::chrono::seconds(settings.idle_seconds);
    limits.connections = settings.max_connections;
    limits.connections_per_peer = settings.max_connections_per_peer;
    policy.proxies = http::ProxyRanges(settings.trusted_proxies);
    if (settings.hsts_seconds > 0) policy.hsts = "max-age=" + std::to_string(settings.hsts_seconds);
    return policy;
}

std::shared_ptr<Generation> Running::makeGeneration(std::unique_ptr<loader::PluginSet> plugins,
                                                    const config::Settings& settings) {
    // Its end stops plugins, which may take a while: the thread that lets go of it last may be an io thread.
    std::shared_ptr<Generation> made(new Generation, [this](Generation* old) { retire(old); });
    made->plugins = std::move(plugins);
    const loader::PluginSet& set = *made->plugins;
    const auto tenancy = set.all<engram_tenancy_v1>(ENGRAM_TENANCY).front();
    auto flush = [this] {
        if (audit_trail_) audit_trail_->flush();
        for (auto& pump : pumps_) pump->flush(Clock::now() + std::chrono::seconds(2));
    };
    made->services.reset(new operations::Services{*engine_,
                                                  {tenancy.table, tenancy.self},
                                                  pluginsOf<engram_auth_v1>(set, ENGRAM_AUTH),
                                                  pluginsOf<engram_metering_v1>(set, ENGRAM_METERING),
                                                  *workspaces_,
                                                  flush,
                                                  [this] { return clock_.now(); },
                                                  [this] { return engine::mintUuid(clock_.now()).text(); },
                                                  pluginsOf<engram_quota_v1>(set, ENGRAM_QUOTA),
                                                  pluginsOf<engram_audit_v1>(set, ENGRAM_AUDIT)});
    made->services->health = health_.get();
    made->services->on_cpu = [this](const std::string& tenant, std::function<void()> task) {
        return cpu_->submit(tenant, std::move(task)) == pipeline::Lane::Admission::Accepted;
    };
    made->context.reset(new pipeline::Context{
        *made->services, made->services->auth, made->services->tenancy, pluginsOf<engram_quota_v1>(set, ENGRAM_QUOTA),
        pipeline::collectPluginRoutes(pluginsOf<engram_routes_v1>(set, ENGRAM_ROUTES)), router_, *cpu_, *blocking_,
        *log_, *metrics_, spool_.get(), *peers_, rest::openapiDocument(), settings.base_domain, settings.default_tenant,
        settings.max_body, settings.log_requests == "on" ? pipeline::RequestLog::On : pipeline::RequestLog::Off,
        std::chrono::seconds(settings.answer_seconds), audit_trail_.get(), mcpAccessOf(settings), settings.cors_origins});
    made->api = std::make_unique<pipeline::Api>(*made->context);
    return made;
}

std::shared_ptr<Generation> Running::generation() const {
    const std::lock_guard lock(generation_mutex_);
    return generation_;
}

void Running::useGeneration(std::shared_ptr<Generation> next) {
    front_->set(next ? std::shared_ptr<http::Handler>(next, next->api.get()) : nullptr);
    const std::lock_guard lock(generation_mutex_);
    generation_.swap(next);
}

void Running::retire(Generation* old) {
    upkeep_->submit("", [old = std::unique_ptr<Generation>(old)]() mutable { old.reset(); });
}

void Running::reloadSoon() {
    upkeep_->submit("", [this] { reloadFor(std::nullopt); });
}

void Running::reloadFor(std::optional<http::Exchange> exchange) {
    const auto outcome = reload();
    tell(outcome);
    if (!exchange) return;
    http::Response response;
    if (const auto* problems = std::get_if<config::Problems>(&outcome)) {
        response = refusal(*problems, exchange->request().id());
    } else {
        const auto& done = std::get<Reloaded>(outcome);
        json::Buffer buffer;
        json::Writer out(buffer);
        out.StartObject();
        list(out, "changed", done.changed);
        list(out, "needs_restart", done.needs_restart);
        out.EndObject();
        response.body.assign(buffer.GetString(), buffer.GetSize());
    }
    std::move(*exchange).reply(std::move(response));
}

void Running::tell(const std::variant<Reloaded, config::Problems>& outcome) {
    if (const auto* problems = std::get_if<config::Problems>(&outcome)) {
        metrics_->configReloadFailure();
        for (const config::Problem& problem : *problems)
            log_->write(observe::Level::Error, "the configuration was not taken over",
                        {{"where", problem.where}, {"reason", problem.message}, {"fix", problem.hint}});
        return;
    }
    const auto& done = std::get<Reloaded>(outcome);
    reloaded_at_.store(std::time(nullptr));
    for (const std::string& key : done.needs_restart)
        log_->write(observe::Level::Warn, "this change needs a restart", {{"key", key}});
    log_->write(observe::Level::Info, "the configuration was reloaded", {{"changed", joined(done.changed)}});
    tellOfCertificate();
}

std::variant<Running::Reloaded, config::Problems> Running::reload() {
    auto loaded = config::load(sources_);
    if (auto* problems = std::get_if<config::Problems>(&loaded)) return std::move(*problems);
    return takeOver(std::move(std::get<config::Settings>(loaded)));
}

std::variant<Running::Reloaded, config::Problems> Running::takeOver(config::Settings next) {
    config::Changes keys = config::keepUntilRestart(settings_, next);
    Reloaded done{std::move(keys.reload), std::move(keys.restart)};
    // A new certificate together with an address that stays: what runs must not be exposed either.
    if (config::Problems problems = config::checkExposure(next); !problems.empty()) return problems;
    auto certificate = certificates_.read(tlsFilesOf(next));
    if (!certificate) {
        metrics_->tlsReloadFailure();
        return config::Problems{{"tls", certificate.error().message, certificate.error().hint}};
    }
    const std::vector<std::filesystem::path> folders(next.plugin_dirs.begin(), next.plugin_dirs.end());
    const auto running = generation();
    auto plugins = loader::PluginSet::reload(*running->plugins, next.plugins, folders);
    if (auto* problems = std::get_if<config::Problems>(&plugins)) return std::move(*problems);
    auto& reloaded = std::get<loader::PluginSet::Reloaded>(plugins);
    if (auto opened = log_->reopen(logOptionsOf(next)); !opened)
        return config::Problems{{"log.file", opened.error().message, opened.error().hint}};

    // Nothing can fail from here on.
    for (const std::string& name : reloaded.changed) done.changed.push_back("plugin." + name);
    for (const std::string& name : reloaded.needs_restart) done.needs_restart.push_back("plugin." + name);
    running->plugins->handOver(*reloaded.set);
    useGeneration(makeGeneration(std::move(reloaded.set), next));
    certificates_.use(std::move(*certificate));
    server_->setPolicy(policyOf(next));
    for (pipeline::Lane* lane : {cpu_.get(), blocking_.get()}) lane->setQueueLimit(next.queue_limit);
    drain_seconds_ = next.drain_seconds;
    check_seconds_ = next.tls_check_seconds;
    settings_ = std::move(next);
    return done;
}

void Running::tick(Clock::time_point now) {
    const unsigned every = check_seconds_;
    if (every == 0 || now - checked_at_ < std::chrono::seconds(every)) return;
    checked_at_ = now;
    upkeep_->submit("", [this] { checkCertificate(); });
}

void Running::checkCertificate() {
    const auto found = certificates_.check();
    if (!found) {
        metrics_->tlsReloadFailure();
        log_->write(observe::Level::Error, "the new certificate was not taken over",
                    {{"reason", found.error().message}, {"fix", found.error().hint}});
    } else if (*found == Certificates::Found::Replaced) {
        tellOfCertificate();
    }
}

void Running::tellOfCertificate() {
    const int64_t expires = certificates_.expiresAt();
    if (expires == 0) return;
    if (!std::exchange(expiry_shown_, true))
        metrics_->gauge("engram_tls_certificate_expiry_seconds", "When the certificate in use expires, Unix time",
                        [this] { return static_cast<double>(certificates_.expiresAt()); });
    const int64_t days = (expires - std::time(nullptr)) / 86400;
    const bool soon = days < 7;
    log_->write(soon ? observe::Level::Warn : observe::Level::Info,
                days < 0 ? "the certificate has expired" : "certificate in use",
                {{"subject", certificates_.subject()}, {"days_left", std::to_string(days)}});
}

}  // namespace engram
