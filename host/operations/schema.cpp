#include "operations/schema.hpp"

#include "config/did_you_mean.hpp"
#include "json/utf8.hpp"
#include "operations/definitions.hpp"

#include <rapidjson/pointer.h>

#include <algorithm>
#include <stdexcept>
#include <vector>

namespace engram::operations {
namespace {

json::Document compose(std::string_view text) {
    auto schema = json::parse(text);
    auto shared = json::parse(definitions());
    if (!schema || !schema->IsObject()) throw std::logic_error("schema is not a JSON object: " + std::string(text));
    if (!shared) throw std::logic_error("shared definitions: " + shared.error().message);
    json::Value copy(*shared, schema->GetAllocator());
    schema->AddMember("definitions", copy, schema->GetAllocator());
    return std::move(*schema);
}

std::string pointerText(const rapidjson::Pointer& pointer) {
    json::Buffer buffer;
    pointer.Stringify(buffer);
    return {buffer.GetString(), buffer.GetSize()};
}

std::string named(const std::string& pointer) { return pointer.empty() ? "the body" : pointer; }

// Names of the members that `schema` (an object schema, or a reference to one) knows.
std::vector<std::string_view> knownMembers(const json::Value& schema) {
    std::vector<std::string_view> names;
    if (const json::Value* properties = json::find(schema, "properties"))
        for (const auto& member : properties->GetObject()) names.push_back(json::view(member.name));
    return names;
}

Error unknownMember(const json::Value& object, const json::Value& schema, const std::string& at) {
    const std::vector<std::string_view> known = knownMembers(schema);
    for (const auto& member : object.GetObject()) {
        const std::string_view name = json::view(member.name);
        if (std::find(known.begin(), known.end(), name) != known.end()) continue;
        std::string hint;
        if (auto close = config::closest(name, known)) hint = "did you mean '" + std::string(*close) + "'?";
        return {"unknown_field", "unknown field '" + json::brief(name) + "' in " + named(at), hint,
                at + json::pointerStep(name)};
    }
    return {"unknown_field", "unknown field in " + named(at), "", at};
}

Error missingMember(const json::Value& object, const json::Value& schema, const std::string& at) {
    const json::Value* required = json::find(schema, "required");
    if (required)
        for (const auto& name : required->GetArray())
            if (!json::find(object, json::view(name)))
                return {"invalid_request", "'" + std::string(json::view(name)) + "' is missing in " + named(at), "",
                        at + "/" + std::string(json::view(name))};
    return {"invalid_request", "a required field is missing in " + named(at), "", at};
}

// What the keyword of the schema at fault demands, in words.
std::string expectation(std::string_view keyword, const json::Value* demand) {
    const std::string value = demand ? json::write(*demand) : "";
    if (keyword == "type") return "must be of type " + value;
    if (keyword == "enum") return "must be one of " + value;
    if (keyword == "minimum") return "must be at least " + value;
    if (keyword == "maximum") return "must be at most " + value;
    if (keyword == "minLength") return "must have at least " + value + " characters";
    if (keyword == "maxLength") return "must have at most " + value + " characters";
    if (keyword == "minItems") return "must have at least " + value + " items";
    if (keyword == "maxItems") return "must have at most " + value + " items";
    return "breaks the rule '" + std::string(keyword) + "'";
}

}  // namespace

Schema::Schema(std::string_view text)
    : document_(compose(text)), compiled_(std::make_unique<rapidjson::SchemaDocument>(document_)) {}

Result<void> Schema::check(const json::Value& value) const {
    rapidjson::SchemaValidator validator(*compiled_);
    if (value.Accept(validator)) return {};

    const std::string at = pointerText(validator.GetInvalidDocumentPointer());
    const char* keyword_text = validator.GetInvalidSchemaKeyword();
    const std::string keyword = keyword_text ? keyword_text : "";
    const json::Value* schema = validator.GetInvalidSchemaPointer().Get(document_);
    const json::Value* where = validator.GetInvalidDocumentPointer().Get(value);
    if (schema && where && where->IsObject()) {
        if (keyword == "additionalProperties") return unknownMember(*where, *schema, at);
        if (keyword == "required") return missingMember(*where, *schema, at);
    }
    // RapidJSON names the pointer of the unknown member itself in some cases.
    if (keyword == "additionalProperties") {
        const size_t slash = at.rfind('/');
        const std::string parent = slash == std::string::npos ? "" : at.substr(0, slash);
        const json::Value* object = rapidjson::Pointer(parent.c_str(), parent.size()).Get(value);
        if (schema && object && object->IsObject()) return unknownMember(*object, *schema, parent);
    }
    const json::Value* demand = schema ? json::find(*schema, keyword) : nullptr;
    return Error{"invalid_request", named(at) + " " + expectation(keyword, demand), "", at};
}

}  // namespace engram::operations
