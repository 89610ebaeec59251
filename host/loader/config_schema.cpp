#include "loader/config_schema.hpp"

#include <rapidjson/pointer.h>
#include <rapidjson/schema.h>

#include <algorithm>
#include <vector>

#include "config/did_you_mean.hpp"

namespace engram::loader {
namespace {

enum class Shape {
    Schema,
    Schemas,
    Type,
    Number,
    Count,
    Flag,
    Text,
    Pattern,
    Names,
    Values,
    FlagOrSchema,
    Anything
};

struct Keyword {
    std::string_view name;
    Shape shape;
};

constexpr Keyword kKeywords[] = {{"type", Shape::Type},
                                 {"properties", Shape::Schemas},
                                 {"required", Shape::Names},
                                 {"enum", Shape::Values},
                                 {"minimum", Shape::Number},
                                 {"maximum", Shape::Number},
                                 {"exclusiveMinimum", Shape::Flag},
                                 {"exclusiveMaximum", Shape::Flag},
                                 {"minLength", Shape::Count},
                                 {"maxLength", Shape::Count},
                                 {"pattern", Shape::Pattern},
                                 {"items", Shape::Schema},
                                 {"minItems", Shape::Count},
                                 {"maxItems", Shape::Count},
                                 {"uniqueItems", Shape::Flag},
                                 {"additionalProperties", Shape::FlagOrSchema},
                                 {"default", Shape::Anything},
                                 {"title", Shape::Text},
                                 {"description", Shape::Text}};

constexpr std::string_view kTypes[] = {"object", "array", "string", "integer", "number", "boolean", "null"};

Error wrong(std::string message, std::string hint = "see host/loader/config_schema.hpp for the language") {
    return {"plugin", std::move(message), std::move(hint), ""};
}

bool isType(const json::Value& value) {
    return value.IsString() &&
           std::find(std::begin(kTypes), std::end(kTypes), json::view(value)) != std::end(kTypes);
}

template <class Predicate>
bool allOf(const json::Value& value, Predicate predicate) {
    return value.IsArray() && !value.Empty() && std::all_of(value.Begin(), value.End(), predicate);
}

Result<void> checkNode(const json::Value& schema);

Result<void> checkMember(const Keyword& keyword, const json::Value& value) {
    const auto must = [&](bool holds) -> Result<void> {
        if (holds) return {};
        return wrong("'" + std::string(keyword.name) + "' has a value of the wrong type");
    };
    switch (keyword.shape) {
        case Shape::Schema:
            return checkNode(value);
        case Shape::Schemas:
            if (!value.IsObject()) return must(false);
            for (const auto& member : value.GetObject())
                if (auto ok = checkNode(member.value); !ok) return ok;
            return {};
        case Shape::Type:
            return must(isType(value) || allOf(value, isType));
        case Shape::Number:
            return must(value.IsNumber());
        case Shape::Count:
            return must(value.IsUint());
        case Shape::Flag:
            return must(value.IsBool());
        case Shape::Text:
            return must(value.IsString());
        case Shape::Pattern:  // the validator would pass over one that it cannot compile
            return must(value.IsString() && rapidjson::internal::Regex(value.GetString()).IsValid());
        case Shape::Names:
            return must(allOf(value, [](const json::Value& v) { return v.IsString(); }));
        case Shape::Values:
            return must(value.IsArray() && !value.Empty());
        case Shape::FlagOrSchema:
            return value.IsBool() ? Result<void>() : checkNode(value);
        case Shape::Anything:
            return {};
    }
    return {};
}

Result<void> checkNode(const json::Value& schema) {
    if (!schema.IsObject()) return wrong("a schema must be an object");
    for (const auto& member : schema.GetObject()) {
        const std::string_view name = json::view(member.name);
        if (name.starts_with("x-")) continue;
        const auto* keyword = std::find_if(std::begin(kKeywords), std::end(kKeywords),
                                           [&](const Keyword& k) { return k.name == name; });
        if (keyword != std::end(kKeywords)) {
            if (auto ok = checkMember(*keyword, member.value); !ok) return ok;
            continue;
        }
        std::vector<std::string_view> names;
        for (const Keyword& k : kKeywords) names.push_back(k.name);
        auto close = config::closest(name, names);
        if (!close) return wrong("unknown keyword '" + std::string(name) + "'");
        return wrong("unknown keyword '" + std::string(name) + "'",
                     "did you mean '" + std::string(*close) + "'?");
    }
    return {};
}

Error broken(std::string pointer, std::string reason, std::string fix) {
    return {"plugin", "config " + (pointer.empty() ? std::string() : pointer + " ") + std::move(reason),
            std::move(fix), std::move(pointer)};
}

// RFC 6901 escapes.
std::string below(const std::string& pointer, std::string_view name) {
    std::string out = pointer + "/";
    for (char c : name) out += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
    return out;
}

Result<void> checkNames(const json::Value& schema, const json::Value& value, const std::string& pointer) {
    if (value.IsArray()) {
        const json::Value* items = json::find(schema, "items");
        for (rapidjson::SizeType i = 0; items && i < value.Size(); ++i)
            if (auto ok = checkNames(*items, value[i], below(pointer, std::to_string(i))); !ok) return ok;
        return {};
    }
    if (!value.IsObject()) return {};
    const json::Value* properties = json::find(schema, "properties");
    const json::Value* others = json::find(schema, "additionalProperties");
    std::vector<std::string_view> known;
    if (properties)
        for (const auto& member : properties->GetObject()) known.push_back(json::view(member.name));
    for (const auto& member : value.GetObject()) {
        const std::string_view name = json::view(member.name);
        const std::string here = below(pointer, name);
        const json::Value* own = properties ? json::find(*properties, name) : nullptr;
        if (!own && others && others->IsObject()) own = others;
        if (own) {
            if (auto ok = checkNames(*own, member.value, here); !ok) return ok;
        } else if (!others || !others->IsBool() || !others->GetBool()) {
            auto close = config::closest(name, known);
            return broken(here, "is not a key of this plugin",
                          close ? "did you mean '" + std::string(*close) + "'?" : "remove it");
        }
    }
    return {};
}

void fillDefaults(const json::Value& schema, json::Document& config) {
    const json::Value* properties = json::find(schema, "properties");
    if (!properties) return;
    auto& allocator = config.GetAllocator();
    for (const auto& member : properties->GetObject()) {
        const json::Value* fallback = json::find(member.value, "default");
        if (!fallback || json::find(config, json::view(member.name))) continue;
        config.AddMember(json::copy(json::view(member.name), allocator), json::Value(*fallback, allocator),
                         allocator);
    }
}

std::string stringify(const rapidjson::Pointer& pointer) {
    json::Buffer buffer;
    pointer.Stringify(buffer);
    return {buffer.GetString(), buffer.GetSize()};
}

std::string missingNames(const json::Value& rule, const json::Value* object) {
    std::string names;
    for (const json::Value& name : rule.GetArray())
        if (object && !json::find(*object, json::view(name)))
            names += (names.empty() ? "" : ", ") + std::string(json::view(name));
    return names;
}

Error explain(const rapidjson::SchemaValidator& validator, const json::Value& schema,
              const json::Document& config) {
    const std::string pointer = stringify(validator.GetInvalidDocumentPointer());
    const std::string keyword =
        validator.GetInvalidSchemaKeyword() ? validator.GetInvalidSchemaKeyword() : "schema";
    const json::Value* node = validator.GetInvalidSchemaPointer().Get(schema);
    const json::Value* rule = node ? json::find(*node, keyword) : nullptr;
    const json::Value* about = node ? json::find(*node, "description") : nullptr;
    std::string fix = about && about->IsString() ? std::string(json::view(*about)) : "see engram plugin list";
    if (keyword == "required" && rule && rule->IsArray())
        return broken(pointer,
                      "lacks " + missingNames(*rule, validator.GetInvalidDocumentPointer().Get(config)),
                      "add it to the plugin's config");
    return broken(pointer, "breaks the rule \"" + keyword + "\"" + (rule ? ": " + json::write(*rule) : ""),
                  fix);
}

}  // namespace

Result<void> checkSchema(const json::Value& schema) {
    if (auto ok = checkNode(schema); !ok) return ok;
    const json::Value* type = json::find(schema, "type");
    if (!type || !type->IsString() || json::view(*type) != "object")
        return wrong("its 'type' must be \"object\"");
    return {};
}

Result<std::string> applySchema(const json::Value& schema, std::string_view config_text) {
    auto config = json::parse(config_text.empty() ? "{}" : config_text);
    if (!config) return broken("", config.error().message, config.error().hint);
    if (!config->IsObject()) return broken("", "is not a table", "write config = { key = value }");
    if (auto ok = checkNames(schema, *config, ""); !ok) return ok.error();
    fillDefaults(schema, *config);
    const rapidjson::SchemaDocument rules(schema);
    rapidjson::SchemaValidator validator(rules);
    if (!config->Accept(validator)) return explain(validator, schema, *config);
    return json::write(*config);
}

}  // namespace engram::loader
