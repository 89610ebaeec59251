// The handler of the admin listener: /metrics, /readyz, /healthz. For operators; no credential, loopback by default.
#pragma once

#include "http/handler.hpp"
#include "loader/plugin_set.hpp"
#include "observe/metrics.hpp"

#include <atomic>

namespace engram::pipeline {

class Admin final : public http::Handler {
public:
    Admin(observe::Metrics& metrics, const loader::PluginSet& plugins, const std::atomic<bool>& draining)
        : metrics_(metrics), plugins_(plugins), draining_(draining) {}

    void onHeaders(http::Exchange exchange) override;
    void onRequest(http::Exchange exchange) override;

private:
    http::Response ready() const;
    observe::Metrics& metrics_;
    const loader::PluginSet& plugins_;
    const std::atomic<bool>& draining_;
};

}  // namespace engram::pipeline
