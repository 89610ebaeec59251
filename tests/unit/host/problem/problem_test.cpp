#include "problem/problem.hpp"

#include <set>

#include "json/json.hpp"
#include "support/test.hpp"

using namespace engram;

TEST("a problem document carries code, status, hint and request id") {
    auto d = json::parse(problem::document({"memory_not_found", "no memory 1", "", "/id"}, "req-1"));
    CHECK(d.ok());
    CHECK_EQ(404, (*d)["status"].GetInt());
    CHECK_TEXT("memory_not_found", (*d)["code"].GetString());
    CHECK_TEXT("no memory 1", (*d)["detail"].GetString());
    CHECK_TEXT("list memories to find its id", (*d)["hint"].GetString());
    CHECK_TEXT("req-1", (*d)["request_id"].GetString());
    CHECK_TEXT("/id", (*d)["pointer"].GetString());
}

TEST("an unknown code is reported as a fault of ours") {
    CHECK_EQ(500, problem::kindOf("no such code").status);
}

TEST("every code is there once and has a status an error may have") {
    std::set<std::string_view> codes;
    for (const auto& kind : problem::kinds()) {
        CHECK(codes.insert(kind.code).second);
        CHECK(kind.status >= 400 && kind.status < 600);
    }
    CHECK(codes.size() > 30);
}

TEST("a message with bytes that are not UTF-8 still makes a JSON document") {
    const auto text = problem::document({"invalid_request", "no '\xFF\xC3'", "\xED\xA0\x80", "/\x80"}, "req-1");
    auto d = json::parse(text);
    CHECK_MESSAGE(text, d.ok());
    CHECK_TEXT("no '\xEF\xBF\xBD\xEF\xBF\xBD'", (*d)["detail"].GetString());
}
