// The handler of the listeners for the life of the process: gives each request to the pipeline of the configuration in
// effect, with which it stays until its answer, whatever is reloaded meanwhile.
//
// set() and current() from any thread.
#pragma once

#include "http/handler.hpp"

#include <functional>
#include <memory>
#include <mutex>
#include <string_view>

namespace engram::pipeline {

// What `engram config reload` asks for; the local socket alone has it, for the owner of the process.
inline constexpr std::string_view kReloadPath = "/v1/server:reload";

class Front final : public http::Handler {
public:
    // `reload` answers the exchange, later and on another thread.
    explicit Front(std::function<void(http::Exchange)> reload) : reload_(std::move(reload)) {}

    void set(std::shared_ptr<http::Handler> pipeline);
    std::shared_ptr<http::Handler> current() const;

    void onHeaders(http::Exchange exchange) override;
    void onRequest(http::Exchange exchange) override;

private:
    const std::function<void(http::Exchange)> reload_;
    mutable std::mutex mutex_;
    std::shared_ptr<http::Handler> pipeline_;
};

}  // namespace engram::pipeline
