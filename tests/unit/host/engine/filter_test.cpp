#include "engine/filter.hpp"

#include "support/test.hpp"

#include <engram/cpp/text.hpp>

using namespace engram;
using namespace engram::engine;

namespace {

Result<Filter> parsed(const std::string& text) {
    auto document = json::parse(text);
    CHECK_MESSAGE(text, document.ok());
    return parseFilter(*document);
}

const char* nameOf(uint32_t op) {
    constexpr const char* kNames[] = {"?", "and", "or", "not", "eq", "ne", "lt", "le", "gt", "ge", "in", "exists", "contains"};
    return op < std::size(kNames) ? kNames[op] : "?";
}

// The lowered tree, read from the flat array as storage does it.
std::string text(const engram_filter& filter, uint32_t at = 0) {
    if (filter.n_nodes == 0) return "everything";
    const engram_filter_node& node = filter.nodes[at];
    std::string out = nameOf(node.op);
    out += "(";
    if (node.op >= ENGRAM_EQ) out += std::to_string(node.field) + std::string(view(node.path));
    for (size_t i = 0; i < node.n_values; ++i) {
        const engram_value& v = node.values[i];
        out += v.type == ENGRAM_VALUE_STRING    ? " '" + std::string(view(v.string)) + "'"
               : v.type == ENGRAM_VALUE_INTEGER ? " " + std::to_string(v.integer)
               : v.type == ENGRAM_VALUE_BOOL    ? (v.boolean ? " true" : " false")
                                                : " r" + std::to_string(v.real).substr(0, 4);
    }
    for (uint32_t i = 0; i < node.n_children; ++i) {
        CHECK(node.first_child > at);
        out += (i ? " " : "") + text(filter, node.first_child + i);
    }
    return out + ")";
}

std::string lowered(const std::string& json) {
    auto filter = parsed(json);
    CHECK_MESSAGE(filter ? "" : filter.error().message, filter.ok());
    return text(LoweredFilter(*filter).abi());
}

void refused(const std::string& json, const char* message, const char* pointer, const char* hint = "") {
    auto filter = parsed(json);
    CHECK_MESSAGE(json + " was taken", !filter);
    CHECK_TEXT("invalid_filter", filter.error().code);
    CHECK_MESSAGE(filter.error().message, filter.error().message.find(message) != std::string::npos);
    CHECK_TEXT(pointer, filter.error().pointer);
    CHECK_MESSAGE(filter.error().hint, filter.error().hint.find(hint) != std::string::npos);
}

std::string nested(int depth) {
    std::string json;
    for (int i = 0; i < depth; ++i) json += "{\"not\":";
    json += "{\"type\":\"a\"}";
    return json + std::string(static_cast<size_t>(depth), '}');
}

}  // namespace

TEST("a plain value is equality; members of an object all hold") {
    CHECK_TEXT("eq(3 'fact')", lowered(R"({"type": "fact"})"));
    CHECK_TEXT("and(eq(3 'fact') eq(6 r0.50))", lowered(R"({"type": "fact", "importance": 0.5})"));
    CHECK_TEXT("and(ge(6 r0.20) lt(6 r1.00))", lowered(R"({"importance": {"gte": 0.2, "lt": 1}})"));
    CHECK_TEXT("and()", lowered("{}"));
}

TEST("and, or and not nest, and children follow their parents") {
    CHECK_TEXT("or(eq(3 'a') not(and(eq(3 'b') ne(2 'w'))))",
               lowered(R"({"or": [{"type": "a"}, {"not": {"type": "b", "workspace": {"ne": "w"}}}]})"));
    CHECK_TEXT("or()", lowered(R"({"or": []})"));
}

TEST("tags are any of, all of, or one") {
    CHECK_TEXT("eq(4 'x')", lowered(R"({"tags": "x"})"));
    CHECK_TEXT("in(4 'x' 'y')", lowered(R"({"tags": {"any": ["x", "y"]}})"));
    CHECK_TEXT("and(eq(4 'x') eq(4 'y'))", lowered(R"({"tags": {"all": ["x", "y"]}})"));
}

TEST("times are compared as milliseconds, metadata by its own types") {
    CHECK_TEXT("gt(7 1769851800000)", lowered(R"({"occurred_at": {"gt": "2026-01-31T09:30:00Z"}})"));
    CHECK_TEXT("and(eq(5/a 3) eq(5/b true) eq(5/c 's') eq(5/d r0.25))",
               lowered(R"({"metadata.a": 3, "metadata.b": true, "metadata.c": "s", "metadata.d": 0.25})"));
}

TEST("a path into metadata may have dots, slashes and tildes in its names") {
    CHECK_TEXT("eq(5/a/b 1)", lowered(R"({"metadata.a.b": 1})"));
    CHECK_TEXT("eq(5/a.b 1)", lowered(R"({"metadata.a\\.b": 1})"));
    CHECK_TEXT("eq(5/a~1b~0c 1)", lowered(R"({"metadata.a/b~c": 1})"));
    CHECK_TEXT("eq(5/a/0 1)", lowered(R"({"metadata:/a/0": 1})"));
    refused(R"({"metadata:a": 1})", "not a path", "/filter/metadata:a");
}

TEST("null and exists ask whether something is there") {
    CHECK_TEXT("not(exists(10))", lowered(R"({"expires_at": null})"));
    CHECK_TEXT("exists(10)", lowered(R"({"expires_at": {"ne": null}})"));
    CHECK_TEXT("exists(5/a)", lowered(R"({"metadata.a": {"exists": true}})"));
    CHECK_TEXT("not(exists(5/a))", lowered(R"({"metadata.a": {"exists": false}})"));
    refused(R"({"metadata.a": {"exists": 1}})", "true or false", "/filter/metadata.a/exists");
}

TEST("a prefix is a range of texts") {
    CHECK_TEXT("and(ge(3 'ab') lt(3 'ac'))", lowered(R"({"type": {"prefix": "ab"}})"));
    CHECK_TEXT("and(ge(5/a 'z\xC3\xBF') lt(5/a 'z\xC4\x80'))", lowered(R"({"metadata.a": {"prefix": "zÿ"}})"));
    CHECK_TEXT("and(ge(5/a '\xED\x9F\xBF') lt(5/a '\xEE\x80\x80'))", lowered(R"({"metadata.a": {"prefix": "\ud7ff"}})"));
    CHECK_TEXT("and(ge(5/a 'b\xF4\x8F\xBF\xBF') lt(5/a 'c'))", lowered(R"({"metadata.a": {"prefix": "b\udbff\udfff"}})"));
    CHECK_TEXT("ge(5/a '\xF4\x8F\xBF\xBF')", lowered(R"({"metadata.a": {"prefix": "\udbff\udfff"}})"));
    CHECK_TEXT("ge(5/a '')", lowered(R"({"metadata.a": {"prefix": ""}})"));
    refused(R"({"tags": {"prefix": "a"}})", "'prefix' is not for 'tags'", "/filter/tags/prefix", "any all");
    refused(R"({"importance": {"prefix": "a"}})", "'prefix' is not for 'importance'", "/filter/importance/prefix", "gte");
    refused(R"({"metadata.a": {"prefix": 1}})", "takes a text", "/filter/metadata.a/prefix");
    refused(R"({"type": {"prefx": "a"}})", "unknown operator 'prefx'", "/filter/type/prefx", "did you mean 'prefix'?");
}

TEST("texts contain texts, and arrays in metadata values") {
    CHECK_TEXT("contains(17 'tea')", lowered(R"({"content": {"contains": "tea"}})"));
    CHECK_TEXT("contains(4 'tea')", lowered(R"({"tags": {"contains": "tea"}})"));
    CHECK_TEXT("contains(5/a 3)", lowered(R"({"metadata.a": {"contains": 3}})"));
    CHECK_TEXT("contains(5/a true)", lowered(R"({"metadata.a": {"contains": true}})"));
    CHECK_TEXT("and(ge(17 'Ada') lt(17 'Adb'))", lowered(R"({"content": {"prefix": "Ada"}})"));
    refused(R"({"importance": {"contains": 1}})", "'contains' is not for 'importance'", "/filter/importance/contains");
    refused(R"({"content": {"contains": 1}})", "compares with text", "/filter/content/contains");
    refused(R"({"metadata.a": {"contains": [1]}})", "compare with text", "/filter/metadata.a/contains");
}

TEST("a tier says whether a memory expires") {
    CHECK_TEXT("or(exists(10))", lowered(R"({"tier": "daily"})"));
    CHECK_TEXT("or(not(exists(10)))", lowered(R"({"tier": {"eq": "permanent"}})"));
    CHECK_TEXT("not(or(exists(10)))", lowered(R"({"tier": {"ne": "daily"}})"));
    CHECK_TEXT("or(exists(10) not(exists(10)))", lowered(R"({"tier": {"in": ["daily", "permanent"]}})"));
    CHECK_TEXT("or()", lowered(R"({"tier": {"in": []}})"));
    refused(R"({"tier": "weekly"})", "daily or permanent", "/filter/tier");
    refused(R"({"tier": 1})", "daily or permanent", "/filter/tier");
    refused(R"({"tier": {"in": "daily"}})", "a list", "/filter/tier/in");
    refused(R"({"tier": {"gt": "daily"}})", "'gt' is not for 'tier'", "/filter/tier/gt", "known are eq ne in");
}

TEST("what is pinned, and what holds at a time") {
    CHECK_TEXT("eq(16 true)", lowered(R"({"pinned": true})"));
    refused(R"({"pinned": "yes"})", "'pinned' is true or false", "/filter/pinned");
    CHECK_TEXT("ge(11 1769851800000)", lowered(R"({"valid_from": {"gte": "2026-01-31T09:30:00Z"}})"));
    Filter valid;
    valid.require(validAt(7));
    CHECK_TEXT("and(not(gt(11 7)) not(le(12 7)))", text(LoweredFilter(valid).abi()));
}

TEST("a slip is told with what was meant") {
    refused(R"({"tpye": "a"})", "unknown field 'tpye'", "/filter/tpye", "did you mean 'type'?");
    refused(R"({"importance": {"gteq": 1}})", "unknown operator 'gteq'", "/filter/importance/gteq", "did you mean 'gte'?");
    refused(R"({"tags": {"anny": ["x"]}})", "unknown operator", "/filter/tags/anny", "did you mean 'any'?");
    refused(R"({"zzzzzzzz": 1})", "unknown field", "/filter/zzzzzzzz", "known are");
}

TEST("values of the wrong type are refused where they stand") {
    refused(R"({"type": 1})", "'type' compares with text", "/filter/type");
    refused(R"({"importance": "high"})", "with a number", "/filter/importance");
    refused(R"({"created_at": 5})", "RFC 3339", "/filter/created_at", "2026-01-31T09:30:00Z");
    refused(R"({"tags": {"any": "x"}})", "a list", "/filter/tags/any");
    refused(R"({"tags": {"all": "x"}})", "takes a list", "/filter/tags/all");
    refused(R"({"metadata.a": [1]})", "text, a number", "/filter/metadata.a");
    refused(R"({"metadata.a": {}})", "no operator", "/filter/metadata.a");
    refused(R"({"or": {"type": "a"}})", "take a list", "/filter/or");
    refused(R"({"or": [{"type": "a"}, 3]})", "must be an object", "/filter/or/1");
    refused("[]", "must be an object", "/filter");
}

TEST("a pointer to a name with slashes and tildes is a pointer") {
    refused(R"({"metadata:/a~1b": [1]})", "text, a number", "/filter/metadata:~1a~01b");
    refused(R"({"a/b": 1})", "unknown field", "/filter/a~1b");
}

TEST("depth, conditions, values and texts have limits") {
    CHECK(parsed(nested(15)).ok());
    auto deep = parsed(nested(16));
    CHECK(!deep && deep.error().message.find("16 deep") != std::string::npos);
    auto wide = [](int n) {
        std::string json = "{\"or\":[";
        for (int i = 0; i < n; ++i) json += (i ? ",{\"type\":\"a\"}" : "{\"type\":\"a\"}");
        return json + "]}";
    };
    CHECK(parsed(wide(120)).ok());
    CHECK(!parsed(wide(256)));
    auto values = [](int n) {
        std::string json = "{\"tags\":{\"any\":[";
        for (int i = 0; i < n; ++i) json += (i ? ",\"t\"" : "\"t\"");
        return json + "]}}";
    };
    CHECK(parsed(values(256)).ok());
    CHECK(!parsed(values(257)));
    CHECK(parsed("{\"type\":\"" + std::string(1024, 'x') + "\"}").ok());
    CHECK(!parsed("{\"type\":\"" + std::string(1025, 'x') + "\"}"));
}

TEST("an unknown name of any length is told briefly") {
    const auto filter = parsed("{\"" + std::string(100000, 'x') + "\": 1}");
    CHECK(!filter);
    CHECK(filter.error().message.size() < 200);
    CHECK(filter.error().pointer.size() < 400);
}

TEST("a further condition holds beside the filter, or alone") {
    auto filter = parsed(R"({"or": [{"type": "a"}, {"type": "b"}]})");
    filter->require(notExpired(7));
    CHECK_TEXT("and(or(eq(3 'a') eq(3 'b')) not(le(10 7)))", text(LoweredFilter(*filter).abi()));
    Filter alone;
    CHECK_TEXT("everything", text(LoweredFilter(alone).abi()));
    alone.require(notExpired(7));
    CHECK_TEXT("not(le(10 7))", text(LoweredFilter(alone).abi()));
}
