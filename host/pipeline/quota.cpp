#include "pipeline/stages.hpp"

namespace engram::pipeline {
namespace {

constexpr std::string_view kRequest = "request";
constexpr engram_amount kOneRequest = {{"requests", 8}, 1};

engram_cost costOf(const State& state, std::string_view route) {
    engram_cost cost{};
    cost.size = sizeof cost;
    cost.route = borrow(route);
    cost.plan = borrow(state.caller.plan);
    cost.amounts = &kOneRequest;
    cost.n_amounts = 1;
    return cost;
}

void tighten(RateLimit& rate_limit, const engram_grant& grant) {
    if (grant.limit == 0) return;
    if (rate_limit.known() && rate_limit.remaining <= grant.remaining) return;
    rate_limit.limit = grant.limit;
    rate_limit.remaining = grant.remaining;
    rate_limit.reset_ms = grant.reset_ms;
    rate_limit.policy = view(grant.policy);
}

void release(State& state, const engram_cost* actual) {
    for (const auto& [plugin, ticket] : state.reservations) plugin.table->settle(plugin.self, state.call, ticket, actual);
    state.reservations.clear();
}

Error refusal(Context& context, State& state, const engram_grant& grant, std::string_view route) {
    state.rate_limit = {};
    state.rate_limit.limit = grant.limit;
    state.rate_limit.remaining = 0;
    state.rate_limit.reset_ms = grant.reset_ms;
    state.rate_limit.retry_after_ms = grant.retry_after_ms;
    state.rate_limit.policy = view(grant.policy);
    if (grant.payment != ENGRAM_REFUSED_RATE) context.metrics.quotaExceeded();
    if (grant.payment == ENGRAM_REFUSED_PLAN)
        return {"plan_limit", "the plan's limit for " + std::string(route) + " is reached", "", ""};
    if (grant.payment == ENGRAM_REFUSED_DAY)
        return {"daily_limit", "the plan's " + std::to_string(grant.limit) + " calls of the day are used up", "", ""};
    context.metrics.rateLimited();
    return {"rate_limited", "the limit of " + std::string(view(grant.policy)) + " is reached", "", ""};
}

}  // namespace

Step reserve(Context& context, State& state, std::string_view route) {
    const engram_cost cost = costOf(state, route);
    for (const auto& plugin : context.quota) {
        engram_grant grant{};
        grant.size = sizeof grant;
        const engram_status status = plugin.table->reserve(plugin.self, state.call, &cost, &grant);
        if (status == ENGRAM_OK) {
            if (grant.ticket) state.reservations.push_back({plugin, grant.ticket});
            tighten(state.rate_limit, grant);
            for (size_t n = 0; n < grant.n_limits; ++n)
                state.caller.limits.tighten(view(grant.limits[n].unit), grant.limits[n].n);
            continue;
        }
        release(state, nullptr);
        if (status == ENGRAM_AGAIN) return Flow::Lane;
        if (status == ENGRAM_RESOURCE_EXHAUSTED) return refusal(context, state, grant, route);
        return Error{"unavailable", "the quota service does not answer", "", ""};
    }
    return Flow::Next;
}

void settle(State& state, std::string_view route) {
    const engram_cost cost = costOf(state, route);
    release(state, &cost);
}

State::~State() {
    if (!reservations.empty()) settle(*this, kRequest);
}

Step payRequest(Context& context, const http::Request&, State& state) { return reserve(context, state, kRequest); }

}  // namespace engram::pipeline
