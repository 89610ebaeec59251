// Tools as `tools/list` shows them, made from the table of operations.
#include "mcp/tool.hpp"

#include "json/json.hpp"
#include "operations/definitions.hpp"
#include "operations/operation.hpp"

#include <algorithm>
#include <map>
#include <stdexcept>

namespace engram::mcp {
namespace {

using Allocator = json::Document::AllocatorType;

constexpr std::string_view kReference = "#/definitions/";

// What a schema says beyond names and types. A property of such a name would have an object, a schema of its own.
bool isDetail(std::string_view keyword, const json::Value& value) {
    constexpr std::string_view kDetails[] = {"description", "required", "additionalProperties", "minimum", "maximum",
                                             "minLength", "maxLength", "minItems", "maxItems"};
    return !value.IsObject() && std::find(std::begin(kDetails), std::end(kDetails), keyword) != std::end(kDetails);
}

// A copy of `schema` in which every reference is replaced by what it refers to: many clients do not follow them. The
// definitions do not refer to themselves, which `depth` guards.
json::Value inlined(const json::Value& schema, const json::Value& definitions, Allocator& a, Detail detail, int depth) {
    if (depth > 32) throw std::logic_error("a schema refers to itself");
    if (schema.IsArray()) {
        json::Value out(rapidjson::kArrayType);
        for (const auto& item : schema.GetArray()) out.PushBack(inlined(item, definitions, a, detail, depth + 1), a);
        return out;
    }
    if (!schema.IsObject()) return json::Value(schema, a);
    if (const json::Value* reference = json::find(schema, "$ref"); reference && reference->IsString()) {
        std::string_view name = json::view(*reference);
        if (name.starts_with(kReference)) name.remove_prefix(kReference.size());
        const json::Value* target = json::find(definitions, name);
        if (!target) throw std::logic_error("no definition " + std::string(name));
        return inlined(*target, definitions, a, detail, depth + 1);
    }
    json::Value out(rapidjson::kObjectType);
    for (const auto& member : schema.GetObject()) {
        if (detail == Detail::Types && isDetail(json::view(member.name), member.value)) continue;
        out.AddMember(json::Value(member.name, a), inlined(member.value, definitions, a, detail, depth + 1), a);
    }
    return out;
}

void text(json::Writer& out, std::string_view name, std::string_view value) {
    out.Key(name.data(), static_cast<rapidjson::SizeType>(name.size()));
    out.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
}

void raw(json::Writer& out, const char* name, const std::string& json_text) {
    out.Key(name);
    out.RawValue(json_text.data(), json_text.size(), rapidjson::kObjectType);
}

void hint(json::Writer& out, const char* name, bool value) {
    out.Key(name);
    out.Bool(value);
}

std::string define(const Tool& tool) {
    const operations::Operation* operation = operations::find(tool.operation);
    if (!operation) throw std::logic_error("no operation " + std::string(tool.operation));
    json::Buffer buffer;
    json::Writer out(buffer);
    out.StartObject();
    text(out, "name", tool.name);
    text(out, "title", tool.title);
    text(out, "description", tool.description);
    raw(out, "inputSchema", selfContained(operation->input, Detail::Full));
    raw(out, "outputSchema", selfContained(operation->output, Detail::Types));
    out.Key("annotations");
    out.StartObject();
    text(out, "title", tool.title);
    hint(out, "readOnlyHint", operation->effect == operations::Effect::Reads);
    hint(out, "destructiveHint", operation->effect == operations::Effect::Destroys);
    hint(out, "idempotentHint", operation->repeat == operations::Repeat::Idempotent);
    hint(out, "openWorldHint", false);
    out.EndObject();
    out.EndObject();
    return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace

std::string selfContained(std::string_view schema, Detail detail) {
    auto parsed = json::parse(schema);
    auto definitions = json::parse(operations::definitions());
    if (!parsed || !definitions) throw std::logic_error("a schema of ours is not JSON");
    json::Document out;
    const json::Value value = inlined(*parsed, *definitions, out.GetAllocator(), detail, 0);
    return json::write(value);
}

std::string_view definitionOf(const Tool& tool) {
    static const std::map<std::string_view, std::string> made = [] {
        std::map<std::string_view, std::string> all;
        for (const Tool& each : tools()) all.emplace(each.name, define(each));
        return all;
    }();
    return made.at(tool.name);
}

}  // namespace engram::mcp
