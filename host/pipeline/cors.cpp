#include "pipeline/cors.hpp"

#include "pipeline/meter.hpp"
#include "pipeline/reply.hpp"
#include "pipeline/state.hpp"

#include <algorithm>

namespace engram::pipeline {
namespace {

constexpr const char* kMethods = "GET, HEAD, POST, PUT, PATCH, DELETE";
constexpr const char* kRequestHeaders =
    "Accept, Authorization, Content-Type, Idempotency-Key, If-Match, Last-Event-ID, Mcp-Method, Mcp-Name, "
    "Mcp-Protocol-Version, Mcp-Session-Id, X-Engram-Tenant, X-Request-Id";
constexpr const char* kAnswerHeaders =
    "ETag, Location, Mcp-Session-Id, RateLimit-Limit, RateLimit-Policy, RateLimit-Remaining, RateLimit-Reset, Retry-After, "
    "WWW-Authenticate, X-Request-Id";
constexpr const char* kRememberSeconds = "600";

void refuse(Context& context, http::Exchange exchange, const Error& error, uint32_t retry_after_ms) {
    State state;
    state.rate_limit.retry_after_ms = retry_after_ms;
    http::Response response = problemOf(state, exchange.request(), error);
    recordOpen(context, exchange.request(), context.router.routes().size() + 1, response.status);
    std::move(exchange).reply(std::move(response));
}

}  // namespace

bool mayCall(const Context& context, std::string_view origin) {
    return std::find(context.cors_origins.begin(), context.cors_origins.end(), origin) != context.cors_origins.end();
}

void addCorsHeaders(const Context& context, http::Exchange& exchange) {
    exchange.addHeader("Vary", "Origin");
    const std::string_view origin = exchange.request().header("origin");
    if (origin.empty() || !mayCall(context, origin)) return;
    exchange.addHeader("Access-Control-Allow-Origin", std::string(origin));
    if (!isPreflight(exchange.request())) exchange.addHeader("Access-Control-Expose-Headers", kAnswerHeaders);
}

bool isPreflight(const http::Request& request) {
    return request.method() == "OPTIONS" && !request.header("origin").empty() &&
           !request.header("access-control-request-method").empty();
}

void answerPreflight(Context& context, http::Exchange exchange) {
    const http::Request& request = exchange.request();
    const auto now = PeerBuckets::Clock::now();
    if (request.peer().kind == http::Peer::Kind::Tcp) {
        if (!context.peers.has(request.client(), now))
            return refuse(context, std::move(exchange),
                          {"rate_limited", "too many failed or anonymous requests from this address", "", ""}, 1000);
        context.peers.pay(request.client(), now);
    }
    if (!mayCall(context, request.header("origin")))
        return refuse(context, std::move(exchange),
                      {"origin_not_allowed", "pages of this origin may not call the API", "", ""}, 0);
    http::Response response;
    response.status = 204;
    response.headers = {{"Access-Control-Allow-Methods", kMethods},
                        {"Access-Control-Allow-Headers", kRequestHeaders},
                        {"Access-Control-Max-Age", kRememberSeconds}};
    recordOpen(context, request, context.router.routes().size() + 1, response.status);
    std::move(exchange).reply(std::move(response));
}

}  // namespace engram::pipeline
