#include "pipeline/api.hpp"

#include "pipeline/meter.hpp"
#include "pipeline/plugin_routes.hpp"
#include "pipeline/reply.hpp"
#include "pipeline/stages.hpp"

namespace engram::pipeline {
namespace {

State& stateOf(http::Exchange& exchange) { return *static_cast<State*>(exchange.attachment()); }

using StageFunction = Step (*)(Context&, const http::Request&, State&);

constexpr StageFunction kStages[] = {&admit, &authenticate, &resolveTenant, &checkMembership, &payRequest};

// What an idempotency key stands for: everything that decides what the request does.
std::string requestBytes(const http::Request& request) {
    std::string bytes(request.method());
    for (std::string_view part : {request.target(), request.header("if-match"), request.body()}) {
        bytes.push_back('\0');
        bytes.append(part);
    }
    return bytes;
}

}  // namespace

Api::Api(Context& context) : context_(context) {}

std::vector<std::string> Api::routeNames(const rest::Router& router) {
    std::vector<std::string> names;
    for (const rest::Route& route : router.routes()) names.emplace_back(route.operation->name);
    names.emplace_back(kPluginRouteName);
    names.emplace_back(kOpenRouteName);
    names.emplace_back(kNoRouteName);
    return names;
}

// Routes for everybody: a health check and the description of the interface.
bool Api::answerOpenly(http::Exchange& exchange) {
    const http::Request& request = exchange.request();
    if (request.method() != "GET" && request.method() != "HEAD") return false;
    const bool health = request.path() == "/healthz";
    if (!health && request.path() != "/v1/openapi.json") return false;
    http::Response response;
    response.body = health ? std::string("{\"status\":\"ok\"}") : context_.openapi;
    const size_t route = context_.router.routes().size() + 1;
    recordOpen(context_, request, route, response.status);
    std::move(exchange).reply(std::move(response));
    return true;
}

bool Api::matchRoute(http::Exchange& exchange, State& state) {
    const http::Request& request = exchange.request();
    state.match = context_.router.match(request.method(), request.path());
    if (state.match.route) return true;
    state.plugin_route = findPluginRoute(context_, request.method(), request.path());
    return state.plugin_route != SIZE_MAX;
}

void Api::onHeaders(http::Exchange exchange) {
    if (answerOpenly(exchange)) return;
    exchange.attach(std::make_unique<State>());
    State& state = stateOf(exchange);
    state.caller.request_id = exchange.request().id();
    state.call.setRequestId(state.caller.request_id);
    if (!matchRoute(exchange, state)) {
        const http::Request& request = exchange.request();
        // Strangers learn nothing by asking for routes, but they pay for it.
        if (request.peer().kind == http::Peer::Kind::Tcp)
            context_.peers.pay(request.peer().address, PeerBuckets::Clock::now());
        const bool other_method = !state.match.allow.empty();
        const std::string asked = std::string(request.method()) + " " + std::string(request.path().substr(0, 100));
        return refuse(std::move(exchange),
                      other_method ? Error{"method_not_allowed", asked + ": the route takes " + state.match.allow, "", ""}
                                   : Error{"route_not_found", "no route " + asked, "", ""});
    }
    firstHalf(std::move(exchange));
}

void Api::firstHalf(http::Exchange exchange) {
    State& state = stateOf(exchange);
    const bool open_route =
        state.plugin_route != SIZE_MAX && context_.plugin_routes[state.plugin_route].route.access == ENGRAM_ROUTE_PUBLIC;
    if (open_route && state.stage == Stage::Admission) {
        if (exchange.request().peer().kind == http::Peer::Kind::Tcp)
            context_.peers.pay(exchange.request().peer().address, PeerBuckets::Clock::now());
    }
    const Stage last = open_route ? Stage::Authentication : Stage::Done;
    while (state.stage != last) {
        const Step step = kStages[static_cast<size_t>(state.stage)](context_, exchange.request(), state);
        if (!step) return refuse(std::move(exchange), step.error());
        if (*step == Flow::Lane) return onLane(context_.blocking, std::move(exchange), &Api::firstHalf);
        state.stage = static_cast<Stage>(static_cast<size_t>(state.stage) + 1);
    }
    uint64_t max_body = context_.max_body;
    if (state.plugin_route != SIZE_MAX) max_body = context_.plugin_routes[state.plugin_route].route.max_body;
    // The body comes on the io thread again.
    state.thread = operations::Thread::Io;
    state.call.setFlags(ENGRAM_CALL_INLINE);
    std::move(exchange).readBody(max_body);
}

void Api::onLane(Lane& lane, http::Exchange exchange, void (Api::*next)(http::Exchange)) {
    State& state = stateOf(exchange);
    state.thread = operations::Thread::Lane;
    state.call.setFlags(0);
    const std::string key = state.caller.tenant_id;
    // A full lane destroys the task; what it held is answered here.
    auto shared = std::make_shared<http::Exchange>(std::move(exchange));
    const auto admission = lane.submit(key, [this, shared, next] { (this->*next)(std::move(*shared)); });
    if (admission == Lane::Admission::Full) {
        stateOf(*shared).rate_limit.retry_after_ms = 1000;
        refuse(std::move(*shared), {"overloaded", "too many requests are waiting", "", ""});
    }
}

void Api::onRequest(http::Exchange exchange) {
    State& state = stateOf(exchange);
    if (state.plugin_route != SIZE_MAX) return onLane(context_.blocking, std::move(exchange), &Api::runPluginRoute);
    switch (state.match.route->operation->lane) {
        case operations::Lane::Inline: return secondHalf(std::move(exchange));
        case operations::Lane::Cpu: return onLane(context_.cpu, std::move(exchange), &Api::secondHalf);
        case operations::Lane::Blocking: return onLane(context_.blocking, std::move(exchange), &Api::secondHalf);
    }
}

void Api::secondHalf(http::Exchange exchange) {
    State& state = stateOf(exchange);
    const http::Request& request = exchange.request();
    const operations::Operation& operation = *state.match.route->operation;
    if (exchange.cancelled()) return refuse(std::move(exchange), {"unavailable", "the client is gone", "", ""});

    if (state.input.IsNull()) {
        const rest::Incoming incoming = {request.query(), request.body(), request.header("content-type"),
                                         [&request](std::string_view name) { return request.header(name); }};
        auto input = context_.router.bind(state.match, incoming);
        if (!input) return refuse(std::move(exchange), input.error());
        state.input = std::move(*input);
        if (!state.caller.may(operation.scope))
            return refuse(std::move(exchange), {"permission_denied",
                                                std::string(operation.name) + " needs the scope " + std::string(operation.scope),
                                                "", ""});
        if (request.header("idempotency-key").size() > 255)
            return refuse(std::move(exchange), {"invalid_request", "Idempotency-Key is over 255 bytes", "", ""});
        const Step reserved = reserve(context_, state, operation.name);
        if (!reserved) return refuse(std::move(exchange), reserved.error());
        if (*reserved == Flow::Lane) {
            state.input.SetNull();
            return onLane(context_.blocking, std::move(exchange), &Api::secondHalf);
        }
        if (!request.header("idempotency-key").empty()) state.request_bytes = requestBytes(request);
    }

    const operations::Invocation call = {state.caller, state.input, state.thread, request.header("idempotency-key"),
                                         state.request_bytes};
    auto shared = std::make_shared<http::Exchange>(std::move(exchange));
    operation.run(context_.services, call, [this, shared](Result<operations::Answer> result) {
        if (!result && result.error().code == "again")
            return onLane(context_.cpu, std::move(*shared), &Api::secondHalf);
        finish(std::move(*shared), std::move(result));
    });
}

void Api::finish(http::Exchange exchange, Result<operations::Answer> result) {
    State& state = stateOf(exchange);
    settle(context_, state, state.match.route->operation->name);
    if (!result) return refuse(std::move(exchange), result.error());
    const http::Request& request = exchange.request();
    const operations::Usage usage = result->usage;
    http::Response response = answerOf(state, std::move(*result));
    meter(context_, state, request, response.status, usage, response.body.size());
    record(context_, state, request, response.status, "");
    std::move(exchange).reply(std::move(response));
}

void Api::refuse(http::Exchange exchange, const Error& error) {
    State& state = stateOf(exchange);
    const http::Request& request = exchange.request();
    http::Response response = problemOf(state, request, error);
    if (!state.caller.tenant_id.empty() && state.match.route) meter(context_, state, request, response.status, {}, 0);
    record(context_, state, request, response.status, error.code);
    if (response.status >= 500)
        context_.log.write(observe::Level::Error, "request failed",
                           {{"request_id", request.id()}, {"error_code", error.code}, {"detail", error.message}, {"cause", error.cause}});
    std::move(exchange).reply(std::move(response));
}

void Api::runPluginRoute(http::Exchange exchange) {
    State& state = stateOf(exchange);
    const PluginRoute& route = context_.plugin_routes[state.plugin_route];
    if (route.route.scope.len > 0 && !state.caller.may(view(route.route.scope)))
        return refuse(std::move(exchange),
                      {"permission_denied", "the route needs the scope " + std::string(view(route.route.scope)), "", ""});
    auto response = handlePluginRoute(route, exchange.request(), state);
    if (!response) return refuse(std::move(exchange), response.error());
    record(context_, state, exchange.request(), response->status, "");
    std::move(exchange).reply(std::move(*response));
}

}  // namespace engram::pipeline
