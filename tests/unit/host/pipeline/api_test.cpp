#include "pipeline/api.hpp"

#include "stage.hpp"

#include <algorithm>
#include <tuple>

using namespace engram;
using namespace engram::pipeline;
using namespace engram::testing;

namespace {

// The whole pipeline for a key of one tenant; no storage, so only what is refused before the engine.
struct Pipeline : Stages {
    Pipeline() {
        static uint64_t epoch = 500'000;
        tenancy.epoch = ++epoch;
        auth.tenant = "id-acme";
        context.auth.push_back(auth.plugin());
        context.tenancy = tenancy.plugin();
        context.quota.push_back(quota.plugin());
    }
    std::string ask(const std::string& line, const std::string& body = "", const std::string& headers = "") {
        Api api(context);
        return exchange(line + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer k\r\n" +
                            "Content-Type: application/json\r\n" + headers + "Content-Length: " + std::to_string(body.size()) +
                            "\r\n\r\n" + body,
                        api);
    }
    FakeAuth auth{ENGRAM_OK};
    FakeTenancy tenancy{{{"acme", "active"}}};
    FakeQuota quota{.ticket = 7};
};

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

size_t count(const FakeQuota& quota, const std::string& call) {
    return static_cast<size_t>(std::count_if(quota.calls.begin(), quota.calls.end(), [&](const std::string& c) { return c.starts_with(call); }));
}

}  // namespace

TEST("every reservation of a request that is refused is given up or settled") {
    for (auto [line, body, status] : {std::tuple<const char*, const char*, const char*>{"POST /v1/search", "{", "400"},
                                      {"POST /v1/search", "{\"qurey\":1}", "400"},
                                      {"POST /v1/memories", "{\"content\":\"x\"}", "403"},
                                      {"POST /v1/memories", "not for this key", "400"}}) {
        Pipeline p;
        const std::string answer = p.ask(line, body);
        CHECK_MESSAGE(answer, answer.starts_with("HTTP/1.1 " + std::string(status)));
        CHECK(count(p.quota, "reserve") > 0);
        CHECK_EQ(count(p.quota, "reserve"), count(p.quota, "settle") + count(p.quota, "release"));
    }
}

TEST("a route that is not there costs the peer and asks no plugin") {
    Pipeline p;
    CHECK(p.ask("GET /v1/nothing").starts_with("HTTP/1.1 404"));
    const std::string wrong = p.ask("PUT /v1/memories");
    CHECK(wrong.starts_with("HTTP/1.1 405") && has(wrong, "Allow: POST, GET, HEAD\r\n"));
    CHECK_EQ(0, p.auth.asked);
    CHECK(p.quota.calls.empty());
}

TEST("a body over the limit is refused without being read") {
    Pipeline p;
    CHECK(p.ask("POST /v1/search", std::string(1001, ' ')).starts_with("HTTP/1.1 413"));
}

TEST("a scope that a key lacks is named") {
    Pipeline p;
    const std::string answer = p.ask("POST /v1/memories", "{\"content\":\"x\"}");
    CHECK(has(answer, "permission_denied") && has(answer, "memory:write"));
}
