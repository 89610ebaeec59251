// The handler of the public listener and the local socket: the way of a request.
//
// First half, on the headers: admission, authentication, tenancy, membership, request bucket. Second half, on the body:
// bind, scope, reserve, operation, settle, meter, reply. A stage that would block is repeated on a lane.
#pragma once

#include "http/handler.hpp"
#include "pipeline/context.hpp"
#include "pipeline/state.hpp"

namespace engram::pipeline {

class Api final : public http::Handler {
public:
    explicit Api(Context& context);

    void onHeaders(http::Exchange exchange) override;
    void onRequest(http::Exchange exchange) override;

    // Names of the routes by index, for metrics: those of the operations, then these.
    static std::vector<std::string> routeNames(const rest::Router& router);

private:
    void firstHalf(http::Exchange exchange);
    void secondHalf(http::Exchange exchange);
    void runStages(http::Exchange& exchange);
    void runOperation(http::Exchange& exchange);
    void refuseForMemory(http::Exchange& exchange);
    void runPluginRoute(http::Exchange exchange);
    void runMcp(http::Exchange exchange);
    void onLane(Lane& lane, http::Exchange exchange, void (Api::*next)(http::Exchange));
    void finish(http::Exchange exchange, Result<operations::Answer> result);
    void refuse(http::Exchange exchange, const Error& error);
    bool matchRoute(http::Exchange& exchange, State& state);
    bool answerOpenly(http::Exchange& exchange);

    Context& context_;
};

}  // namespace engram::pipeline
