#include "mcp/tool.hpp"

#include "json/json.hpp"
#include "operations/operation.hpp"
#include "support/test.hpp"

#include <set>
#include <stdexcept>

using namespace engram;

TEST("every tool has an operation, a name of its own and a schema that stands alone") {
    std::set<std::string_view> names, operations;
    for (const mcp::Tool& tool : mcp::tools()) {
        CHECK(names.insert(tool.name).second);
        CHECK(operations.insert(tool.operation).second);
        auto definition = json::parse(mcp::definitionOf(tool));
        CHECK(definition.ok());
        for (const char* schema : {"inputSchema", "outputSchema"}) CHECK_TEXT("object", (*definition)[schema]["type"].GetString());
        CHECK(mcp::definitionOf(tool).find("$ref") == std::string_view::npos);
    }
}

TEST("hints say what the table of operations says") {
    for (const mcp::Tool& tool : mcp::tools()) {
        const auto& operation = *operations::find(tool.operation);
        auto definition = json::parse(mcp::definitionOf(tool));
        const auto& hints = (*definition)["annotations"];
        CHECK_EQ(operation.effect == operations::Effect::Reads, hints["readOnlyHint"].GetBool());
        CHECK_EQ(operation.effect == operations::Effect::Destroys, hints["destructiveHint"].GetBool());
        CHECK_EQ(operation.repeat == operations::Repeat::Idempotent, hints["idempotentHint"].GetBool());
    }
}

TEST("references are replaced by what they refer to, within each other too") {
    auto schema = json::parse(mcp::selfContained(R"({"type": "object", "properties": {"m": {"$ref": "#/definitions/memory"}}})",
                                                 mcp::Detail::Full));
    CHECK_TEXT("string", (*schema)["properties"]["m"]["properties"]["tags"]["items"]["type"].GetString());
}

TEST("names and types are left if that is asked for, also of a property with the name of a detail") {
    const auto schema = mcp::selfContained(
        R"({"type": "object", "description": "a", "required": ["required"], "additionalProperties": false, "properties":
            {"description": {"type": "string", "maxLength": 3}, "required": {"type": "integer", "minimum": 1}}})",
        mcp::Detail::Types);
    CHECK_TEXT(R"({"type":"object","properties":{"description":{"type":"string"},"required":{"type":"integer"}}})", schema);
}

TEST("a reference to nothing is a fault of ours") {
    bool thrown = false;
    try {
        mcp::selfContained(R"({"$ref": "#/definitions/no_such"})", mcp::Detail::Full);
    } catch (const std::logic_error&) {
        thrown = true;
    }
    CHECK(thrown);
}
