#include "pipeline/api.hpp"

#include "pipeline/audit.hpp"
#include "pipeline/cors.hpp"
#include "pipeline/mcp.hpp"
#include "pipeline/meter.hpp"
#include "pipeline/perform.hpp"
#include "pipeline/plugin_routes.hpp"
#include "pipeline/reply.hpp"
#include "pipeline/stages.hpp"

namespace engram::pipeline {
namespace {

State& stateOf(http::Exchange& exchange) { return *static_cast<State*>(exchange.attachment()); }

uint64_t nanoseconds(std::chrono::steady_clock::time_point when) {
    return static_cast<uint64_t>(std::chrono::nanoseconds(when.time_since_epoch()).count());
}

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
    names.emplace_back(kMcpRouteName);
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
    state.mcp = request.path() == kMcpPath;
    if (state.mcp) return true;
    state.match = context_.router.match(request.method(), request.path());
    if (state.match.route) return true;
    state.plugin_route = findPluginRoute(context_, request.method(), request.path());
    return state.plugin_route != SIZE_MAX;
}

void Api::onHeaders(http::Exchange exchange) {
    if (!context_.cors_origins.empty()) {
        addCorsHeaders(context_, exchange);
        if (isPreflight(exchange.request())) return answerPreflight(context_, std::move(exchange));
    }
    if (answerOpenly(exchange)) return;
    exchange.attach(std::make_unique<State>());
    State& state = stateOf(exchange);
    state.caller.request_id = exchange.request().id();
    state.call.setRequestId(state.caller.request_id);
    state.call.setDeadline(nanoseconds(exchange.request().receivedAt() + context_.answer_time));
    if (!matchRoute(exchange, state)) {
        const http::Request& request = exchange.request();
        // Strangers learn nothing by asking for routes, but they pay for it.
        if (request.peer().kind == http::Peer::Kind::Tcp)
            context_.peers.pay(request.client(), PeerBuckets::Clock::now());
        const bool other_method = !state.match.allow.empty();
        const std::string asked = std::string(request.method()) + " " + std::string(request.path().substr(0, 100));
        return refuse(std::move(exchange),
                      other_method ? Error{"method_not_allowed", asked + ": the route takes " + state.match.allow, "", ""}
                                   : Error{"route_not_found", "no route " + asked, "", ""});
    }
    if (state.mcp && refuseForeign(context_, exchange)) return;
    firstHalf(std::move(exchange));
}

// Memory may run out anywhere in a half: then this request is refused, and a smaller one may fit.
void Api::firstHalf(http::Exchange exchange) {
    try {
        runStages(exchange);
    } catch (const std::bad_alloc&) {
        refuseForMemory(exchange);
    }
}

void Api::secondHalf(http::Exchange exchange) {
    try {
        runOperation(exchange);
    } catch (const std::bad_alloc&) {
        refuseForMemory(exchange);
    }
}

void Api::refuseForMemory(http::Exchange& exchange) {
    if (exchange) refuse(std::move(exchange), {"out_of_memory", "memory ran out while the request was worked on", "", ""});
}

void Api::runStages(http::Exchange& exchange) {
    State& state = stateOf(exchange);
    const bool open_route =
        state.plugin_route != SIZE_MAX
            ? context_.plugin_routes[state.plugin_route].route.access == ENGRAM_ROUTE_PUBLIC
            : state.match.route && state.match.route->operation->scope.empty();
    if (open_route && state.stage == Stage::Admission) {
        if (exchange.request().peer().kind == http::Peer::Kind::Tcp)
            context_.peers.pay(exchange.request().client(), PeerBuckets::Clock::now());
    }
    const Stage last = open_route ? Stage::Authentication : Stage::Done;
    while (state.stage != last) {
        // Nobody waits any more: neither the next stage nor its plugin needs to.
        if (exchange.cancelled()) return refuse(std::move(exchange), {"unavailable", "the client is gone", "", ""});
        const Step step = kStages[static_cast<size_t>(state.stage)](context_, exchange.request(), state);
        if (!step) return refuse(std::move(exchange), step.error());
        if (*step == Flow::Lane) return onLane(context_.blocking, std::move(exchange), &Api::firstHalf);
        state.stage = static_cast<Stage>(static_cast<size_t>(state.stage) + 1);
    }
    if (state.mcp) {
        if (auto good = checkMcpHeaders(exchange.request()); !good) {
            state.match.allow = "POST";
            return refuse(std::move(exchange), good.error());
        }
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
    // Before the tenant is known, strangers are kept apart by their address.
    const std::string key = state.caller.tenant_id.empty() ? exchange.request().client() : state.caller.tenant_id;
    // A full lane destroys the task; what it held is answered here.
    auto shared = std::make_shared<http::Exchange>(std::move(exchange));
    // The answer may end this handler's pin on us before the task has returned.
    const auto admission =
        lane.submit(key, [this, pin = shared->pinned(), shared, next] { (this->*next)(std::move(*shared)); });
    if (admission == Lane::Admission::Full) {
        stateOf(*shared).rate_limit.retry_after_ms = 1000;
        refuse(std::move(*shared), {"overloaded", "too many requests are waiting", "", ""});
    }
}

void Api::onRequest(http::Exchange exchange) {
    State& state = stateOf(exchange);
    if (state.plugin_route != SIZE_MAX) return onLane(context_.blocking, std::move(exchange), &Api::runPluginRoute);
    if (state.mcp) return onLane(context_.cpu, std::move(exchange), &Api::runMcp);
    switch (state.match.route->operation->lane) {
        case operations::Lane::Inline: return secondHalf(std::move(exchange));
        case operations::Lane::Cpu: return onLane(context_.cpu, std::move(exchange), &Api::secondHalf);
        case operations::Lane::Blocking: return onLane(context_.blocking, std::move(exchange), &Api::secondHalf);
    }
}

void Api::runOperation(http::Exchange& exchange) {
    State& state = stateOf(exchange);
    const http::Request& request = exchange.request();
    if (exchange.cancelled()) return refuse(std::move(exchange), {"unavailable", "the client is gone", "", ""});
    const rest::Incoming incoming = {request.query(), request.body(), request.header("content-type"),
                                     [&request](std::string_view name) { return request.header(name); }};
    auto input = context_.router.bind(state.match, incoming);
    if (!input) return refuse(std::move(exchange), input.error());
    state.input = std::move(*input);
    const std::string_view key = request.header("idempotency-key");
    if (!key.empty()) state.request_bytes = requestBytes(request);
    auto shared = std::make_shared<http::Exchange>(std::move(exchange));
    auto pin = shared->pinned();
    perform(context_, state, key,
            [this, shared](Result<operations::Answer> result) { finish(std::move(*shared), std::move(result)); }, std::move(pin));
}

void Api::runMcp(http::Exchange exchange) {
    if (exchange.cancelled()) return refuse(std::move(exchange), {"unavailable", "the client is gone", "", ""});
    answerMcp(context_, std::move(exchange));
}

void Api::finish(http::Exchange exchange, Result<operations::Answer> result) {
    State& state = stateOf(exchange);
    if (!result) return refuse(std::move(exchange), result.error());
    const http::Request& request = exchange.request();
    const operations::Operation& operation = *state.match.route->operation;
    const int success = state.match.route->binding->success;
    if (auto kept = auditChange(context_, state, request, operation, success, result->audit); !kept)
        return refuse(std::move(exchange), kept.error());
    const operations::Usage usage = result->usage;
    http::Response response = answerOf(state, std::move(*result));
    if (!state.caller.tenant_id.empty()) meter(context_, state, request, response.status, usage, response.body.size());
    record(context_, state, request, response.status, "");
    std::move(exchange).reply(std::move(response));
}

void Api::refuse(http::Exchange exchange, const Error& error) {
    State& state = stateOf(exchange);
    const http::Request& request = exchange.request();
    settle(state, state.match.route ? state.match.route->operation->name : kPluginRouteName);  // what it took stays paid
    http::Response response = problemOf(state, request, error);
    if (error.counted) context_.metrics.quotaExceeded();  // a limit that travelled with the write
    if (state.match.route)
        auditRefusal(context_, state, request, *state.match.route->operation, response.status, error.code);
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
    settle(state, kPluginRouteName);
    record(context_, state, exchange.request(), response->status, "");
    std::move(exchange).reply(std::move(*response));
}

}  // namespace engram::pipeline
