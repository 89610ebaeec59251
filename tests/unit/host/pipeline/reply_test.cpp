#include "pipeline/reply.hpp"

#include "json/json.hpp"
#include "stage.hpp"

using namespace engram;
using namespace engram::pipeline;
using namespace engram::testing;

namespace {

std::string header(const http::Response& response, std::string_view name) {
    std::string all;
    for (const auto& [key, value] : response.headers)
        if (key == name) all += (all.empty() ? "" : "|") + value;
    return all;
}

http::Response problem(State& state, const Error& error) {
    Stages stages;
    std::optional<http::Response> made;
    const Step step = stages.run("", [&](const http::Request& request) -> Step {
        made = problemOf(state, request, error);
        return Flow::Next;
    });
    goesOn(step);
    return *made;
}

struct Routed {
    Routed(const rest::Router& router, const char* method, const char* path) { state.match = router.match(method, path); }
    State state;
};

}  // namespace

TEST("a refusal carries status, document, challenges and nothing to cache") {
    State state;
    state.challenges = {"Bearer realm=\"a\"", "Basic realm=\"b\""};
    const http::Response response = problem(state, {"unauthenticated", "no key", "", ""});
    CHECK_EQ(401, response.status);
    CHECK_TEXT("application/problem+json", response.content_type);
    CHECK_TEXT("Bearer realm=\"a\"|Basic realm=\"b\"", header(response, "WWW-Authenticate"));
    CHECK_TEXT("no-store", header(response, "Cache-Control"));
    CHECK_TEXT("", header(response, "Retry-After"));
    auto document = json::parse(response.body);
    CHECK_TEXT("unauthenticated", (*document)["code"].GetString());
    CHECK(!document->HasMember("limit"));
}

TEST("a limit is told in headers and document, times rounded up to seconds") {
    State state;
    state.rate_limit = {10, 4, 1500, 700, "10;w=60"};
    const http::Response response = problem(state, {"rate_limited", "slow down", "", ""});
    CHECK_EQ(429, response.status);
    CHECK_TEXT("1", header(response, "Retry-After"));
    CHECK_TEXT("10", header(response, "RateLimit-Limit"));
    CHECK_TEXT("4", header(response, "RateLimit-Remaining"));
    CHECK_TEXT("2", header(response, "RateLimit-Reset"));
    auto document = json::parse(response.body);
    CHECK_EQ(10, (*document)["limit"].GetInt());
    CHECK_EQ(6, (*document)["used"].GetInt());
    CHECK_EQ(2, (*document)["reset"].GetInt());
}

TEST("what is unavailable says when to come again even if nobody said so") {
    State state;
    CHECK_TEXT("1", header(problem(state, {"unavailable", "", "", ""}), "Retry-After"));
    CHECK_TEXT("1", header(problem(state, {"rate_limited", "", "", ""}), "Retry-After"));
    CHECK_TEXT("", header(problem(state, {"memory_not_found", "", "", ""}), "Retry-After"));
}

TEST("a wrong method is told the right ones, and the operator's cause is told nobody") {
    const rest::Router router;
    Routed wrong(router, "PUT", "/v1/search");
    const http::Response response = problem(wrong.state, {"method_not_allowed", "no", "", "", "secret cause"});
    CHECK_EQ(405, response.status);
    CHECK_TEXT("POST", header(response, "Allow"));
    CHECK(response.body.find("secret cause") == std::string::npos);
}

TEST("an answer has the binding's status, an entity tag and a place") {
    const rest::Router router;
    Routed create(router, "POST", "/v1/memories");
    const http::Response made = answerOf(create.state, {"{}", 1, "id-1", {}});
    CHECK_EQ(201, made.status);
    CHECK_TEXT("\"1\"", header(made, "ETag"));
    CHECK_TEXT("/v1/memories/id-1", header(made, "Location"));
    Routed get(router, "GET", "/v1/memories/x");
    const http::Response got = answerOf(get.state, {"{}", 0, "id-1", {}});
    CHECK_EQ(200, got.status);
    CHECK_TEXT("", header(got, "ETag"));
    CHECK_TEXT("", header(got, "Location"));
}
