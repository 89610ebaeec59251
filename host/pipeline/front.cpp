#include "pipeline/front.hpp"

#include <utility>

namespace engram::pipeline {

void Front::set(std::shared_ptr<http::Handler> pipeline) {
    {
        const std::lock_guard lock(mutex_);
        pipeline_.swap(pipeline);
    }
    // The old one is let go of outside of the lock: it may be the last to hold it.
}

std::shared_ptr<http::Handler> Front::current() const {
    const std::lock_guard lock(mutex_);
    return pipeline_;
}

void Front::onHeaders(http::Exchange exchange) {
    const http::Request& request = exchange.request();
    if (request.peer().kind == http::Peer::Kind::LocalSocket && request.method() == "POST" &&
        request.path() == kReloadPath)
        return reload_(std::move(exchange));
    auto pipeline = current();
    exchange.pin(pipeline);
    pipeline->onHeaders(std::move(exchange));
}

// A pinned request's second half goes to its pipeline; what was not pinned has no second half.
void Front::onRequest(http::Exchange exchange) { current()->onRequest(std::move(exchange)); }

}  // namespace engram::pipeline
