#include "loader/config_schema.hpp"

#include "support/test.hpp"

using engram::json::parse;
using engram::loader::applySchema;
using engram::loader::checkSchema;

namespace {

constexpr const char* kSchema = R"({
    "type": "object", "required": ["url"],
    "properties": {
        "url": {"type": "string", "pattern": "^https://"},
        "burst": {"type": "integer", "minimum": 1, "maximum": 100, "default": 10, "description": "1 to 100"},
        "mode": {"enum": ["fast", "safe"], "default": "safe"},
        "limits": {"type": "object", "properties": {"a/b": {"type": "number"}}},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "hosts": {"type": "array", "items": {"type": "object", "properties": {"name": {"type": "string"}}}},
        "nothing": {"type": "string"}
    }})";

engram::Result<std::string> apply(const char* config) {
    return applySchema(*parse(kSchema), config);
}

void refused(const char* config, const std::string& pointer, const std::string& reason,
             const std::string& fix) {
    auto applied = apply(config);
    CHECK_MESSAGE(std::string("accepted: ") + config, !applied);
    CHECK_TEXT(pointer, applied.error().pointer);
    CHECK_MESSAGE(applied.error().message, applied.error().message.find(reason) != std::string::npos);
    CHECK_MESSAGE(applied.error().hint, applied.error().hint.find(fix) != std::string::npos);
}

void schemaRefused(const char* schema, const std::string& reason) {
    auto checked = checkSchema(*parse(schema));
    CHECK_MESSAGE(std::string("accepted: ") + schema, !checked);
    const std::string all = checked.error().message + " " + checked.error().hint;
    CHECK_MESSAGE(all, all.find(reason) != std::string::npos);
}

}  // namespace

TEST("absent properties get their defaults, given ones stay") {
    CHECK_TEXT(R"({"url":"https://x","burst":7,"mode":"safe"})", *apply(R"({"url":"https://x","burst":7})"));
}

TEST("a configuration that breaks a rule is refused with pointer, rule and fix") {
    refused("{}", "", "lacks url", "add it");
    refused(R"({"url":"https://x","burst":0})", "/burst", "\"minimum\": 1", "1 to 100");
    refused(R"({"url":"https://x","burst":1.5})", "/burst", "\"type\": \"integer\"", "1 to 100");
    refused(R"({"url":"http://x"})", "/url", "pattern", "");
    refused(R"({"url":"https://x","mode":"quick"})", "/mode", "[\"fast\",\"safe\"]", "");
    refused(R"({"url":"https://x","limits":{"a/b":"c"}})", "/limits/a~1b", "number", "");
    refused(R"({"url":"https://x","labels":{"a":1}})", "/labels/a", "string", "");
    refused("[]", "", "not a table", "config =");
    refused("{", "", "not valid JSON", "");
}

TEST("an unknown property is refused at any depth with a suggestion") {
    refused(R"({"url":"https://x","brust":7})", "/brust", "not a key of this plugin",
            "did you mean 'burst'?");
    refused(R"({"url":"https://x","limits":{"zzz":1}})", "/limits/zzz", "not a key", "remove it");
    refused(R"({"url":"https://x","hosts":[{"name":"a"},{"nmae":"b"}]})", "/hosts/1/nmae", "not a key",
            "'name'");
    CHECK(apply(R"({"url":"https://x","labels":{"anything":"goes"}})").ok());
}

TEST("a schema outside of the language is refused") {
    CHECK(checkSchema(*parse(kSchema)).ok());
    CHECK(checkSchema(*parse(R"({"type":"object","x-order":3})")).ok());
    schemaRefused("3", "must be an object");
    schemaRefused(R"({"type":"array"})", "must be \"object\"");
    schemaRefused(R"({"type":"object","propertis":{}})", "did you mean 'properties'?");
    schemaRefused(R"({"type":"object","$ref":"http://example.com/s"})", "$ref");
    schemaRefused(R"({"type":"object","required":true})", "required");
    schemaRefused(R"({"type":"object","properties":{"a":{"pattern":"(["}}})", "'pattern'");
    schemaRefused(R"({"type":"object","properties":{"a":{"type":"text"}}})", "'type'");
    schemaRefused(R"({"type":"object","properties":{"a":{"items":[{}]}}})", "must be an object");
    schemaRefused(R"({"type":"object","properties":{"a":{"exclusiveMinimum":3}}})", "exclusiveMinimum");
}
