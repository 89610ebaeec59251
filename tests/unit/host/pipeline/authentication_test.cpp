#include "stage.hpp"

using namespace engram;
using namespace engram::pipeline;
using namespace engram::testing;

namespace {

class Authentication : public Stages {
public:
    explicit Authentication(std::vector<FakeAuth*> plugins) {
        for (FakeAuth* plugin : plugins) context.auth.push_back(plugin->plugin());
    }
    Step ask(const std::string& headers) {
        return run(headers, [this](const http::Request& request) { return authenticate(context, request, state); });
    }
    State state;
};

constexpr const char* kKey = "Authorization: Bearer abc\r\n";

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST("plugins are asked in order, and the first answer other than PASS holds") {
    FakeAuth passes, knows{ENGRAM_OK, "", "key:second"}, never{ENGRAM_OK, "", "key:third"};
    Authentication a({&passes, &knows, &never});
    goesOn(a.ask(kKey));
    CHECK_TEXT("key:second", a.state.caller.subject);
    CHECK_TEXT("abc", knows.saw);
    CHECK(a.state.caller.may("memory:read") && !a.state.caller.may("memory:write"));
    CHECK_EQ(1, passes.asked);
    CHECK_EQ(0, never.asked);
}

TEST("a refusal by one plugin is not undone by a later one") {
    FakeAuth refuses{ENGRAM_UNAUTHENTICATED, "the key was revoked"}, allows{ENGRAM_OK};
    Authentication a({&refuses, &allows});
    refusedWith("key_revoked", a.ask(kKey));
    CHECK_EQ(0, allows.asked);
    CHECK_TEXT("", a.state.caller.subject);
}

TEST("when all pass the request is unauthenticated and every challenge is sent") {
    FakeAuth one{.challenge = "Bearer realm=\"one\""}, two{.challenge = "Basic realm=\"two\""}, silent{};
    Authentication a({&one, &silent, &two});
    refusedWith("unauthenticated", a.ask(kKey));
    CHECK((a.state.challenges == std::vector<std::string>{"Bearer realm=\"one\"", "Basic realm=\"two\""}));
    CHECK(has(a.metrics.text(), "engram_auth_failures_total{reason=\"unauthenticated\"} 1"));
}

TEST("without plugins or challenges there is a challenge still") {
    Authentication a({});
    refusedWith("unauthenticated", a.ask(kKey));
    CHECK_EQ(size_t(1), a.state.challenges.size());
}

TEST("a request without a bearer token asks nobody") {
    FakeAuth allows{ENGRAM_OK};
    Authentication a({&allows});
    for (const char* headers : {"", "Authorization: Basic YTpi\r\n", "Authorization: Bearer\r\n", "Authorization: Bearer  \r\n",
                                "Authorization: Bearerabc\r\n", "Authorization: abc\r\n"})
        refusedWith("unauthenticated", a.ask(headers));
    CHECK_EQ(0, allows.asked);
    goesOn(a.ask("Authorization: bEARER   abc  \r\n"));
    CHECK_TEXT("abc", allows.saw);
}

TEST("a broken plugin lets nobody in, and a later one is not asked") {
    for (engram_status broken : {ENGRAM_INTERNAL, ENGRAM_UNAVAILABLE, ENGRAM_NOT_FOUND, ENGRAM_DEADLINE_EXCEEDED, ENGRAM_PENDING}) {
        FakeAuth breaks{broken}, allows{ENGRAM_OK};
        Authentication a({&breaks, &allows});
        refusedWith("unavailable", a.ask(kKey));
        CHECK_EQ(0, allows.asked);
    }
}

TEST("a plugin that would block is asked again on a lane") {
    FakeAuth blocks{ENGRAM_AGAIN};
    Authentication a({&blocks});
    const Step step = a.ask(kKey);
    CHECK(step.ok() && *step == Flow::Lane);
}

TEST("reasons become codes of their own") {
    for (auto [why, code] : {std::pair<const char*, const char*>{"the key has expired", "key_expired"},
                             {"the key was revoked", "key_revoked"},
                             {"no such key", "unauthenticated"}}) {
        FakeAuth refuses{ENGRAM_UNAUTHENTICATED, why};
        Authentication a({&refuses});
        const Step step = a.ask(kKey);
        refusedWith(code, step);
        CHECK_TEXT(why, step.error().message);
    }
    FakeAuth slow{ENGRAM_RESOURCE_EXHAUSTED};
    Authentication a({&slow});
    refusedWith("rate_limited", a.ask(kKey));
    CHECK(a.state.rate_limit.retry_after_ms > 0);
    FakeAuth denies{ENGRAM_PERMISSION_DENIED, "not from here"};
    Authentication b({&denies});
    refusedWith("permission_denied", b.ask(kKey));
}

TEST("a failure is paid for by the peer, a success and a broken plugin are not") {
    const auto tokens = [](engram_status status) {
        FakeAuth fake{status};
        Authentication a({&fake});
        CHECK_EQ(status == ENGRAM_OK, a.ask(kKey).ok());
        const auto now = PeerBuckets::Clock::now();
        int left = 0;
        for (; left < 1000 && a.peers.has("127.0.0.1", now); ++left) a.peers.pay("127.0.0.1", now);
        return left;
    };
    CHECK_EQ(200, tokens(ENGRAM_OK));
    CHECK_EQ(200, tokens(ENGRAM_INTERNAL));
    CHECK(tokens(ENGRAM_UNAUTHENTICATED) < 200);
}

TEST("a peer without a token is refused before anybody is asked") {
    Stages s;
    State state;
    const auto admission = [&](const http::Request& request) { return admit(s.context, request, state); };
    goesOn(s.run("", admission));
    for (int i = 0; i < 1000; ++i) s.peers.pay("127.0.0.1", PeerBuckets::Clock::now() + std::chrono::hours(1));
    refusedWith("rate_limited", s.run("", admission));
    CHECK(state.rate_limit.retry_after_ms > 0);
    goesOn(s.runLocally("", admission));
}

TEST("the owner of the local socket needs no credential and may do everything") {
    FakeAuth refuses{ENGRAM_UNAUTHENTICATED};
    Authentication a({&refuses});
    goesOn(a.runLocally("", [&](const http::Request& request) { return authenticate(a.context, request, a.state); }));
    CHECK_EQ(0, refuses.asked);
    CHECK(a.state.caller.may("key:admin"));
    CHECK_TEXT("local:owner", a.state.caller.subject);
}
