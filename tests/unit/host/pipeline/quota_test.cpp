#include "stage.hpp"

using namespace engram;
using namespace engram::pipeline;
using namespace engram::testing;

namespace {

struct Quota : Stages {
    explicit Quota(std::vector<FakeQuota*> plugins) {
        for (FakeQuota* plugin : plugins) context.quota.push_back(plugin->plugin());
        state.caller.plan = "free";
    }
    Step ask(const char* route = "memory.create") { return reserve(context, state, route); }
    State state;
};

using Calls = std::vector<std::string>;

engram_grant grantOf(uint64_t limit, uint64_t remaining, const char* policy = "10;w=60") {
    engram_grant grant{};
    grant.limit = limit;
    grant.remaining = remaining;
    grant.reset_ms = 1500;
    grant.retry_after_ms = 700;
    grant.policy = engram_lit(policy);
    return grant;
}

}  // namespace

TEST("every plugin is asked with route and plan, and settled once with what it cost") {
    FakeQuota one{.ticket = 7}, two{.ticket = 0}, three{.ticket = 9};
    Quota q({&one, &two, &three});
    goesOn(q.ask());
    settle(q.state, "memory.create");
    settle(q.state, "memory.create");
    CHECK((one.calls == Calls{"reserve memory.create free", "settle 7"}));
    CHECK((two.calls == Calls{"reserve memory.create free"}));  // ticket 0: nothing to settle
    CHECK((three.calls == Calls{"reserve memory.create free", "settle 9"}));
}

TEST("a request that ends on its way settles what it reserved") {
    FakeQuota one{.ticket = 7}, two{.ticket = 9};
    {
        Quota q({&one, &two});
        goesOn(q.ask("request"));
    }
    CHECK((one.calls == Calls{"reserve request free", "settle 7"}));
    CHECK((two.calls == Calls{"reserve request free", "settle 9"}));
}

TEST("when a later plugin refuses, what earlier ones reserved is released") {
    for (auto [status, code] : {std::pair<engram_status, const char*>{ENGRAM_RESOURCE_EXHAUSTED, "rate_limited"},
                                {ENGRAM_UNAVAILABLE, "unavailable"},
                                {ENGRAM_INTERNAL, "unavailable"}}) {
        FakeQuota one{.ticket = 7}, two{.status = status, .ticket = 8}, never{};
        Quota q({&one, &two, &never});
        refusedWith(code, q.ask());
        CHECK((one.calls == Calls{"reserve memory.create free", "release 7"}));
        CHECK((two.calls == Calls{"reserve memory.create free"}));
        CHECK(never.calls.empty());
        settle(q.state, "memory.create");
        CHECK_EQ(size_t(2), one.calls.size());
    }
}

TEST("a plugin that would block gives everything back, and all are asked again on a lane") {
    FakeQuota one{.ticket = 7}, blocks{.status = ENGRAM_AGAIN};
    Quota q({&one, &blocks});
    const Step step = q.ask();
    CHECK(step.ok() && *step == Flow::Lane);
    blocks.status = ENGRAM_OK;
    goesOn(q.ask());
    CHECK((one.calls == Calls{"reserve memory.create free", "release 7", "reserve memory.create free"}));
    CHECK_EQ(size_t(1), q.state.reservations.size());
}

TEST("the tightest limit is told") {
    FakeQuota wide{.grant = grantOf(1000, 900, "wide")}, tight{.grant = grantOf(10, 3, "tight")}, none{}, other{.grant = grantOf(50, 40)};
    Quota q({&wide, &tight, &none, &other});
    goesOn(q.ask());
    CHECK_EQ(uint64_t(10), q.state.rate_limit.limit);
    CHECK_EQ(uint64_t(3), q.state.rate_limit.remaining);
    CHECK_TEXT("tight", q.state.rate_limit.policy);
}

TEST("a refusal says which limit, when to come again, and whether only another plan helps") {
    FakeQuota wide{.grant = grantOf(1000, 1, "wide")}, refuses{.status = ENGRAM_RESOURCE_EXHAUSTED, .grant = grantOf(10, 5, "10;w=60")};
    Quota q({&wide, &refuses});
    const Step step = q.ask();
    refusedWith("rate_limited", step);
    CHECK(step.error().message.find("10;w=60") != std::string::npos);
    CHECK_EQ(uint64_t(10), q.state.rate_limit.limit);
    CHECK_EQ(uint64_t(0), q.state.rate_limit.remaining);
    CHECK_EQ(700u, q.state.rate_limit.retry_after_ms);
    CHECK(q.metrics.text().find("engram_rate_limited_total 1") != std::string::npos);

    refuses.grant.payment = 1;
    refusedWith("plan_limit", q.ask());
    CHECK(q.metrics.text().find("engram_quota_exceeded_total 1") != std::string::npos);
}

TEST("without a quota plugin everything goes on") {
    Quota q({});
    goesOn(q.ask());
    CHECK(!q.state.rate_limit.known());
}
