// The process's metrics, exported as Prometheus text. Names and meanings: sdk/schema/metrics.json.
//
// Counting a request touches counters that were found once; everything else may look its series up. Any thread.
#pragma once

#include <engram/cpp/result.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace engram::observe {

class Metrics {
public:
    // `routes`: names by index, as request() is given them.
    explicit Metrics(std::vector<std::string> routes);
    Metrics(const Metrics&) = delete;
    ~Metrics();

    void request(size_t route, int status, double seconds);
    void authFailure(std::string_view reason);
    void rateLimited();
    void quotaExceeded();
    void usageFlushFailure();
    void refused(std::string_view code);  // before any handler
    void spoolFull();
    void configReloadFailure();
    void tlsReloadFailure();

    // A figure that is read when somebody asks, e.g. open connections.
    void gauge(const std::string& name, const std::string& help, std::function<double()> read);

    // For plugins: kind is ENGRAM_METRIC_*. The same definition twice gives the same id.
    Result<uint64_t> define(uint32_t kind, const std::string& name, const std::string& help,
                            const std::vector<std::string>& labels);
    // Beyond 1,000 series of a metric, further ones are dropped.
    void add(uint64_t id, std::span<const std::string_view> label_values, double value);

    std::string text();

private:
    void authFailure(std::string_view reason, double n);

    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace engram::observe
