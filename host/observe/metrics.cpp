#include "observe/metrics.hpp"

#include <engram/host/metrics.h>

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <map>
#include <mutex>

namespace engram::observe {
namespace {

constexpr size_t kStatuses = 600;
constexpr size_t kMaxSeries = 1000;

const prometheus::Histogram::BucketBoundaries kSeconds = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01,
                                                          0.025,  0.05,    0.1,    0.25,  0.5,    1,     2.5,
                                                          5,      10};

// Prometheus refuses others only when the first series is made, by an exception.
bool isLabelName(std::string_view name) {
    if (name.empty() || name.starts_with("__") || name == "le" || name == "quantile") return false;
    const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
    return letter(name[0]) && std::all_of(name.begin(), name.end(), [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

// Empty, or what is wrong with the labels of a metric.
std::string complaint(std::vector<std::string> labels) {
    for (const std::string& label : labels)
        if (!isLabelName(label)) return "'" + label + "' is no name of a label";
    std::sort(labels.begin(), labels.end());
    const auto twice = std::adjacent_find(labels.begin(), labels.end());
    return twice == labels.end() ? "" : "label '" + *twice + "' is there twice";
}

}  // namespace

struct Metrics::Impl {
    struct Defined {
        uint32_t kind;
        std::vector<std::string> labels;
        std::string name;
        prometheus::Family<prometheus::Counter>* counter = nullptr;
        prometheus::Family<prometheus::Gauge>* gauge = nullptr;
        prometheus::Family<prometheus::Histogram>* histogram = nullptr;
        std::map<std::vector<std::string>, void*> series;
    };
    struct Route {
        std::array<std::atomic<prometheus::Counter*>, kStatuses> by_status{};
        prometheus::Histogram* seconds = nullptr;
    };

    prometheus::Registry registry;
    std::vector<std::string> names;
    std::vector<std::unique_ptr<Route>> routes;
    prometheus::Family<prometheus::Counter>* requests;
    prometheus::Family<prometheus::Counter>* auth_failures;
    prometheus::Family<prometheus::Counter>* refused;
    prometheus::Counter *rate_limited, *quota_exceeded, *flush_failures, *spool_full, *config_failures, *tls_failures;
    std::mutex mutex;
    std::vector<std::unique_ptr<Defined>> defined;
    std::vector<std::pair<prometheus::Gauge*, std::function<double()>>> gauges;

    prometheus::Family<prometheus::Counter>& counters(const char* name, const char* help) {
        return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
    }
};

Metrics::Metrics(std::vector<std::string> routes) : impl_(std::make_unique<Impl>()) {
    impl_->names = std::move(routes);
    impl_->requests = &impl_->counters("engram_requests_total", "Requests answered, by route and status");
    auto& seconds = prometheus::BuildHistogram()
                        .Name("engram_request_duration_seconds")
                        .Help("Time from a request's header section to its answer")
                        .Register(impl_->registry);
    for (const std::string& name : impl_->names) {
        impl_->routes.push_back(std::make_unique<Impl::Route>());
        impl_->routes.back()->seconds = &seconds.Add({{"route", name}}, kSeconds);
    }
    impl_->auth_failures = &impl_->counters("engram_auth_failures_total", "Credentials refused, by reason");
    authFailure("unauthenticated", 0);  // there from the start, so that the first failure is an increase
    impl_->refused = &impl_->counters("engram_refused_total", "Requests refused before they reached a route, by code");
    impl_->rate_limited = &impl_->counters("engram_rate_limited_total", "Requests refused by a rate limit").Add({});
    impl_->quota_exceeded = &impl_->counters("engram_quota_exceeded_total", "Requests refused by a plan's limit").Add({});
    impl_->flush_failures =
        &impl_->counters("engram_usage_flush_failures_total", "Batches of events that a plugin did not take").Add({});
    impl_->spool_full =
        &impl_->counters("engram_spool_full_total", "Events lost because the spool was full").Add({});
    impl_->config_failures =
        &impl_->counters("engram_config_reload_failures_total", "Configurations that were not taken over").Add({});
    impl_->tls_failures =
        &impl_->counters("engram_tls_reload_failures_total", "Certificates that were not taken over").Add({});
}

Metrics::~Metrics() = default;

void Metrics::request(size_t route, int status, double seconds) {
    if (route >= impl_->routes.size() || status < 0 || status >= static_cast<int>(kStatuses)) return;
    Impl::Route& counters = *impl_->routes[route];
    prometheus::Counter* counter = counters.by_status[static_cast<size_t>(status)].load(std::memory_order_acquire);
    if (!counter) {
        counter = &impl_->requests->Add({{"route", impl_->names[route]}, {"status", std::to_string(status)}});
        counters.by_status[static_cast<size_t>(status)].store(counter, std::memory_order_release);
    }
    counter->Increment();
    counters.seconds->Observe(seconds);
}

void Metrics::authFailure(std::string_view reason) { authFailure(reason, 1); }
void Metrics::authFailure(std::string_view reason, double n) {
    impl_->auth_failures->Add({{"reason", std::string(reason)}}).Increment(n);
}
void Metrics::rateLimited() { impl_->rate_limited->Increment(); }
void Metrics::quotaExceeded() { impl_->quota_exceeded->Increment(); }
void Metrics::usageFlushFailure() { impl_->flush_failures->Increment(); }
void Metrics::configReloadFailure() { impl_->config_failures->Increment(); }
void Metrics::tlsReloadFailure() { impl_->tls_failures->Increment(); }
void Metrics::spoolFull() { impl_->spool_full->Increment(); }
void Metrics::refused(std::string_view code) { impl_->refused->Add({{"code", std::string(code)}}).Increment(); }

void Metrics::gauge(const std::string& name, const std::string& help, std::function<double()> read) {
    auto& gauge = prometheus::BuildGauge().Name(name).Help(help).Register(impl_->registry).Add({});
    std::lock_guard lock(impl_->mutex);
    impl_->gauges.emplace_back(&gauge, std::move(read));
}

Result<uint64_t> Metrics::define(uint32_t kind, const std::string& name, const std::string& help,
                                 const std::vector<std::string>& labels) {
    std::lock_guard lock(impl_->mutex);
    for (size_t i = 0; i < impl_->defined.size(); ++i) {
        if (impl_->defined[i]->name != name) continue;
        if (impl_->defined[i]->kind == kind && impl_->defined[i]->labels == labels) return uint64_t(i + 1);
        return Error{"already_exists", "metric " + name + " exists with another shape", "", ""};
    }
    if (const std::string wrong = complaint(labels); !wrong.empty()) return Error{"invalid_value", name + ": " + wrong, "", ""};
    auto made = std::make_unique<Impl::Defined>();
    made->kind = kind;
    made->labels = labels;
    made->name = name;
    try {
        if (kind == ENGRAM_METRIC_COUNTER)
            made->counter = &prometheus::BuildCounter().Name(name).Help(help).Register(impl_->registry);
        else if (kind == ENGRAM_METRIC_GAUGE)
            made->gauge = &prometheus::BuildGauge().Name(name).Help(help).Register(impl_->registry);
        else if (kind == ENGRAM_METRIC_HISTOGRAM)
            made->histogram = &prometheus::BuildHistogram().Name(name).Help(help).Register(impl_->registry);
        else
            return Error{"invalid_value", "unknown kind of metric", "", ""};
    } catch (const std::exception& e) {
        return Error{"invalid_value", name + ": " + e.what(), "", ""};
    }
    impl_->defined.push_back(std::move(made));
    return uint64_t(impl_->defined.size());
}

void Metrics::add(uint64_t id, std::span<const std::string_view> values, double value) {
    std::lock_guard lock(impl_->mutex);
    if (id == 0 || id > impl_->defined.size()) return;
    Impl::Defined& metric = *impl_->defined[id - 1];
    if (values.size() != metric.labels.size()) return;
    std::vector<std::string> key(values.begin(), values.end());
    auto it = metric.series.find(key);
    if (it == metric.series.end()) {
        if (metric.series.size() >= kMaxSeries) return;
        prometheus::Labels labels;
        for (size_t i = 0; i < key.size(); ++i) labels[metric.labels[i]] = key[i];
        void* series = metric.counter ? static_cast<void*>(&metric.counter->Add(labels))
                       : metric.gauge ? static_cast<void*>(&metric.gauge->Add(labels))
                                      : static_cast<void*>(&metric.histogram->Add(labels, kSeconds));
        it = metric.series.emplace(std::move(key), series).first;
    }
    if (metric.counter) static_cast<prometheus::Counter*>(it->second)->Increment(value);
    else if (metric.gauge) static_cast<prometheus::Gauge*>(it->second)->Set(value);
    else static_cast<prometheus::Histogram*>(it->second)->Observe(value);
}

std::string Metrics::text() {
    {
        std::lock_guard lock(impl_->mutex);
        for (auto& [gauge, read] : impl_->gauges) gauge->Set(read());
    }
    return prometheus::TextSerializer().Serialize(impl_->registry.Collect());
}

}  // namespace engram::observe
