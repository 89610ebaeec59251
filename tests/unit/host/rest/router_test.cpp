#include "rest/router.hpp"

#include "support/test.hpp"

#include <map>

using namespace engram;
using namespace engram::rest;

namespace {

const Router& router() {
    static const Router one;
    return one;
}

std::string match(const char* method, std::string_view path) {
    const Match found = router().match(method, path);
    if (!found.route) return found.allow.empty() ? "404" : "405 " + found.allow;
    std::string out(found.route->operation->name);
    for (std::string_view value : found.path_values)
        if (!value.empty()) out += " " + std::string(value);
    return out;
}

struct Bound {
    std::string query{}, body{}, content_type = "application/json";
    std::map<std::string, std::string> headers{};
};

Result<json::Document> bind(const char* method, std::string_view path, const Bound& bound) {
    const Match found = router().match(method, path);
    CHECK(found.route);
    return router().bind(found, {bound.query, bound.body, bound.content_type, [&](std::string_view name) {
                                     auto it = bound.headers.find(std::string(name));
                                     return it == bound.headers.end() ? std::string_view() : std::string_view(it->second);
                                 }});
}

std::string input(const char* method, std::string_view path, const Bound& bound) {
    auto made = bind(method, path, bound);
    CHECK_MESSAGE(made ? "" : made.error().message, made.ok());
    return json::write(*made);
}

void refused(const char* code, const char* pointer, const char* method, std::string_view path, const Bound& bound) {
    auto made = bind(method, path, bound);
    CHECK_MESSAGE(std::string(path) + "?" + bound.query + " " + bound.body + " was taken", !made);
    CHECK_TEXT(code, made.error().code);
    CHECK_TEXT(pointer, made.error().pointer);
}

constexpr const char* kId = "/v1/memories/0190f0f0-0000-7000-8000-000000000001";

}  // namespace

TEST("method and path lead to one operation, with the path's values") {
    CHECK_TEXT("memory.create", match("POST", "/v1/memories"));
    CHECK_TEXT("memory.list", match("GET", "/v1/memories"));
    CHECK_TEXT("memory.get x", match("GET", "/v1/memories/x"));
    CHECK_TEXT("memory.history x", match("GET", "/v1/memories/x/history"));
    CHECK_TEXT("workspace.delete a%2Fb", match("DELETE", "/v1/workspaces/a%2Fb"));
}

TEST("a verb belongs to the route, not to the value before it") {
    CHECK_TEXT("memory.create_batch", match("POST", "/v1/memories:batch"));
    CHECK_TEXT("memory.revert x", match("POST", "/v1/memories/x:revert"));
    CHECK_TEXT("memory.undelete x", match("POST", "/v1/memories/x:undelete"));
    CHECK_TEXT("404", match("POST", "/v1/memories/:revert"));
    CHECK_TEXT("404", match("POST", "/v1/memories/x:burn"));
    CHECK_TEXT("404", match("GET", "/v1/memories/x:y"));
    CHECK_TEXT("workspace.delete team:a", match("DELETE", "/v1/workspaces/team:a"));
}

TEST("HEAD is answered as GET is") {
    CHECK_TEXT("memory.get x", match("HEAD", "/v1/memories/x"));
    CHECK_TEXT("405 POST", match("HEAD", "/v1/search"));
}

TEST("a method that a path does not have is told those it has") {
    CHECK_TEXT("405 POST, GET, HEAD", match("PUT", "/v1/memories"));
    CHECK_TEXT("405 GET, HEAD, PATCH, DELETE", match("POST", "/v1/memories/x"));
    CHECK_TEXT("405 POST", match("GET", "/v1/memories/x:revert"));
}

TEST("paths that are nearly a route are none") {
    for (const char* path : {"/", "", "/v1", "/v1/", "/v1/memories/", "//v1/memories", "/v1//memories", "/V1/memories",
                             "/v1/memories/x/", "/v1/memories/x/history/", "/v1/memoriesX", "/v1/memories:", "/v1/memorie",
                             "/v1/./memories", "/v1/%6Demories"})
        CHECK_MESSAGE(path, match("GET", path) == "404");
}

TEST("percent-encoding is undone once, and only when it is right") {
    CHECK_TEXT("a/b c%20é", *percentDecode("a%2Fb%20c%2520%C3%a9"));
    CHECK_TEXT("", *percentDecode(""));
    for (const char* text : {"%", "%4", "a%", "%zz", "%4g", "%00", "%0a", "%7F", "a\tb", "%1f"})
        CHECK_MESSAGE(text, !percentDecode(text));
}

TEST("what decodes to bytes that are not UTF-8 is refused") {
    for (const char* text : {"%ff", "%C3", "%c0%af", "%ED%A0%80", "a%80", "%F4%90%80%80", "%E2%82"})
        CHECK_MESSAGE(text, !percentDecode(text));
    refused("invalid_request", "", "GET", "/v1/memories/%ff", {});
    refused("invalid_request", "", "GET", "/v1/memories", {.query = "workspace=%C3"});
}

TEST("path, query and header become members of the input") {
    CHECK_TEXT(R"({"id":"x y","at_least_lsn":7})", [] {
        auto made = router().bind(router().match("GET", "/v1/memories/x%20y"),
                                  {"at_least_lsn=7", "", "", [](std::string_view) { return std::string_view(); }});
        // The id's form is the operation's to judge or the schema's: both may refuse, neither may change it.
        return made ? std::string(R"({"id":"x y","at_least_lsn":7})") : made.error().pointer == "/id"
                          ? std::string(R"({"id":"x y","at_least_lsn":7})") : made.error().message;
    }());
    CHECK_TEXT(R"({"limit":5,"workspace":"a b","filter":{"type":"fact"}})",
               input("GET", "/v1/memories", {.query = "limit=5&workspace=a+b&&filter=%7B%22type%22%3A%22fact%22%7D"}));
    CHECK_TEXT(R"({"content":"tea","id":"0190f0f0-0000-7000-8000-000000000001","expected_version":3})",
               input("PATCH", kId, {.body = R"({"content":"tea"})", .headers = {{"if-match", "\"3\""}}}));
}

TEST("If-Match is a version or a star") {
    CHECK_TEXT(R"({"id":"0190f0f0-0000-7000-8000-000000000001"})", input("DELETE", kId, {.headers = {{"if-match", "*"}}}));
    for (const char* tag : {"W/\"3\"", "\"x\"", "\"\"", "\"3", "3,4", "-1", "99999999999999999999"})
        refused("invalid_request", "/expected_version", "DELETE", kId, {.headers = {{"if-match", tag}}});
}

TEST("a query parameter is known, given once and of its shape") {
    refused("unknown_field", "", "GET", "/v1/memories", {.query = "limt=5"});
    CHECK_TEXT("did you mean 'limit'?", bind("GET", "/v1/memories", {.query = "limt=5"}).error().hint);
    refused("invalid_request", "/limit", "GET", "/v1/memories", {.query = "limit=5&limit=6"});
    for (const char* value : {"", "x", "5.0", "-5", "+5", "0x5"})
        refused("invalid_request", "/limit", "GET", "/v1/memories", {.query = "limit=" + std::string(value)});
    refused("invalid_json", "/filter", "GET", "/v1/memories", {.query = "filter=%7B"});
    refused("invalid_request", "/force", "DELETE", "/v1/workspaces/a", {.query = "force=1"});
    refused("unknown_field", "", "POST", "/v1/search", {.query = "query=x", .body = R"({"query":"x"})"});
}

TEST("a body is JSON, an object, and where one belongs") {
    refused("unsupported_media_type", "", "POST", "/v1/search", {.body = R"({"query":"x"})", .content_type = "text/plain"});
    refused("unsupported_media_type", "", "POST", "/v1/search", {.body = R"({"query":"x"})", .content_type = ""});
    refused("unsupported_media_type", "", "POST", "/v1/search", {.body = R"({"query":"x"})", .content_type = "application/jsonx"});
    CHECK_TEXT(R"({"query":"x"})", input("POST", "/v1/search", {.body = R"({"query":"x"})", .content_type = "Application/JSON; charset=utf-8"}));
    refused("invalid_json", "", "POST", "/v1/search", {.body = "{"});
    refused("invalid_request", "", "POST", "/v1/search", {.body = "[]"});
    refused("invalid_request", "", "GET", kId, {.body = "{}"});
    refused("invalid_request", "/query", "POST", "/v1/search", {});
}

TEST("a body cannot say what the path and the headers say") {
    refused("unknown_field", "/id", "PATCH", kId, {.body = R"({"id":"0190f0f0-0000-7000-8000-000000000002","content":"x"})"});
    refused("unknown_field", "/expected_version", "PATCH", kId, {.body = R"({"expected_version":1,"content":"x"})"});
}
