#include "pipeline/reply.hpp"

#include "problem/problem.hpp"

namespace engram::pipeline {
namespace {

std::string inSeconds(uint64_t milliseconds) { return std::to_string((milliseconds + 999) / 1000); }

}  // namespace

void addRateLimit(http::Response& response, const RateLimit& rate_limit) {
    if (!rate_limit.known()) return;
    response.headers.emplace_back("RateLimit-Limit", std::to_string(rate_limit.limit));
    response.headers.emplace_back("RateLimit-Remaining", std::to_string(rate_limit.remaining));
    response.headers.emplace_back("RateLimit-Reset", inSeconds(rate_limit.reset_ms));
    if (!rate_limit.policy.empty()) response.headers.emplace_back("RateLimit-Policy", rate_limit.policy);
}

http::Response answerOf(const State& state, operations::Answer answer) {
    http::Response response;
    const rest::Binding& binding = *state.match.route->binding;
    response.status = binding.success;
    response.body = std::move(answer.body);
    response.headers.emplace_back("Cache-Control", "no-store");
    if (answer.version > 0) response.headers.emplace_back("ETag", "\"" + std::to_string(answer.version) + "\"");
    if (binding.success == 201 && !answer.location.empty())
        response.headers.emplace_back("Location", std::string(binding.path) + "/" + answer.location);
    addRateLimit(response, state.rate_limit);
    return response;
}

http::Response problemOf(const State& state, const http::Request& request, const Error& error) {
    http::Response response;
    const problem::Kind& kind = problem::kindOf(error.code);
    response.status = kind.status;
    response.content_type = problem::kContentType;
    const bool limited = kind.status == 429 || kind.status == 402;
    const RateLimit& limit = state.rate_limit;
    problem::Usage usage = {limit.limit, limit.limit - limit.remaining, (limit.reset_ms + 999) / 1000};
    // Stored things are not given back by waiting: their limit has no reset.
    if (error.counted) usage = {error.counted->limit, error.counted->used, 0};
    response.body = problem::document(error, request.id(), limited && (limit.known() || error.counted) ? &usage : nullptr);
    response.headers.emplace_back("Cache-Control", "no-store");
    for (const std::string& challenge : state.challenges) response.headers.emplace_back("WWW-Authenticate", challenge);
    if (kind.status == 405) response.headers.emplace_back("Allow", state.match.allow);
    if (limit.retry_after_ms > 0) response.headers.emplace_back("Retry-After", inSeconds(limit.retry_after_ms));
    else if (kind.status == 503 || kind.status == 429) response.headers.emplace_back("Retry-After", "1");
    addRateLimit(response, limit);
    return response;
}

}  // namespace engram::pipeline
