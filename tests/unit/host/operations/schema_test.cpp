#include "operations/schema.hpp"

#include "operations/operation.hpp"
#include "support/test.hpp"

#include <algorithm>
#include <set>
#include <stdexcept>

using namespace engram;
using namespace engram::operations;

namespace {

const Schema& schema() {
    static const Schema one(R"({
        "type": "object", "additionalProperties": false, "required": ["name"],
        "properties": {
            "name": {"type": "string", "minLength": 1, "maxLength": 5},
            "count": {"type": "integer", "minimum": 1, "maximum": 10},
            "kind": {"enum": ["red", "green"]},
            "list": {"type": "array", "minItems": 1, "maxItems": 2, "items": {
                "type": "object", "additionalProperties": false, "required": ["content"],
                "properties": {"content": {"type": "string"}}}}}})");
    return one;
}

void refused(const char* json, const char* code, const char* pointer, const char* message, const char* hint = "") {
    auto value = json::parse(json);
    CHECK(value.ok());
    auto checked = schema().check(*value);
    CHECK_MESSAGE(std::string(json) + " was taken", !checked);
    CHECK_TEXT(code, checked.error().code);
    CHECK_TEXT(pointer, checked.error().pointer);
    CHECK_MESSAGE(checked.error().message, checked.error().message.find(message) != std::string::npos);
    CHECK_TEXT(hint, checked.error().hint);
}

}  // namespace

TEST("what fits is taken") {
    for (const char* json : {R"({"name":"a"})", R"({"name":"äöüßé","count":10,"kind":"red","list":[{"content":""}]})"})
        CHECK_MESSAGE(json, schema().check(*json::parse(json)).ok());
}

TEST("an unknown member is named, with what was meant") {
    refused(R"({"name":"a","cuont":1})", "unknown_field", "/cuont", "'cuont' in the body", "did you mean 'count'?");
    refused(R"({"name":"a","zzzzzzz":1})", "unknown_field", "/zzzzzzz", "'zzzzzzz'");
    refused(R"({"name":"a","list":[{"content":"x"},{"content":"x","contnet":1}]})", "unknown_field", "/list/1/contnet",
            "in /list/1", "did you mean 'content'?");
}

TEST("a missing member is named where it is missing") {
    refused("{}", "invalid_request", "/name", "'name' is missing in the body");
    refused(R"({"name":"a","list":[{}]})", "invalid_request", "/list/0/content", "'content' is missing in /list/0");
}

TEST("a broken rule is told with what it demands") {
    refused(R"({"name":1})", "invalid_request", "/name", "must be of type \"string\"");
    refused(R"({"name":""})", "invalid_request", "/name", "at least 1 char");
    refused(R"({"name":"abcdef"})", "invalid_request", "/name", "at most 5 char");
    refused(R"({"name":"a","count":0})", "invalid_request", "/count", "at least 1");
    refused(R"({"name":"a","count":11})", "invalid_request", "/count", "at most 10");
    refused(R"({"name":"a","count":1.5})", "invalid_request", "/count", "of type");
    refused(R"({"name":"a","kind":"blue"})", "invalid_request", "/kind", "must be one of [\"red\",\"green\"]");
    refused(R"({"name":"a","list":[]})", "invalid_request", "/list", "at least 1 items");
    refused(R"({"name":"a","list":[{"content":""},{"content":""},{"content":""}]})", "invalid_request", "/list", "at most 2 items");
    refused("[]", "invalid_request", "", "the body must be of type");
}

TEST("a pointer to a member with slashes is a pointer") {
    refused(R"({"name":"a","x/y~z":1})", "unknown_field", "/x~1y~0z", "'x/y~z'");
}

TEST("an unknown member with a name of any length is told briefly") {
    const std::string json = "{\"name\":\"a\",\"" + std::string(100000, 'x') + "\":1}";
    auto checked = schema().check(*json::parse(json));
    CHECK(!checked);
    CHECK(checked.error().message.size() < 400);
    CHECK(checked.error().pointer.size() < 400);
}

TEST("a schema that is none stops the start") {
    for (const char* text : {"", "[]", "{"}) {
        bool thrown = false;
        try {
            Schema broken(text);
        } catch (const std::logic_error&) {
            thrown = true;
        }
        CHECK(thrown);
    }
}

TEST("every operation has schemas that compile, a scope that exists and a name of its own") {
    std::set<std::string_view> names;
    for (const Operation& operation : all()) {
        Schema input(operation.input), output(operation.output);
        CHECK(names.insert(operation.name).second);
        // One operation alone is for those who have no credential yet.
        if (operation.scope.empty()) CHECK_TEXT("invite.accept", operation.name);
        else CHECK_MESSAGE(std::string(operation.scope),
                      std::find(std::begin(kScopes), std::end(kScopes), operation.scope) != std::end(kScopes));
        CHECK(find(operation.name) == &operation);
    }
    CHECK(find("no.such") == nullptr);
}
