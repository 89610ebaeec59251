// The handler of the admin listener: /metrics, /readyz, /healthz. For operators; no credential, loopback by default.
#pragma once

#include "http/handler.hpp"
#include "loader/plugin_set.hpp"
#include "observe/metrics.hpp"

#include <atomic>
#include <functional>
#include <utility>
#include <vector>

namespace engram::pipeline {

class Admin final : public http::Handler {
public:
    using States = std::function<std::vector<loader::InstanceState>()>;

    Admin(observe::Metrics& metrics, States plugins, const std::atomic<bool>& draining)
        : metrics_(metrics), plugins_(std::move(plugins)), draining_(draining) {}

    void onHeaders(http::Exchange exchange) override;
    void onRequest(http::Exchange exchange) override;

private:
    http::Response ready() const;
    observe::Metrics& metrics_;
    States plugins_;
    const std::atomic<bool>& draining_;
};

}  // namespace engram::pipeline
