#include "rest/openapi.hpp"

#include "json/json.hpp"
#include "operations/definitions.hpp"
#include "operations/operation.hpp"
#include "problem/problem.hpp"
#include "rest/binding.hpp"

#include <rapidjson/prettywriter.h>

#include <algorithm>
#include <map>

namespace engram::rest {
namespace {

using Allocator = json::Document::AllocatorType;

json::Value text(std::string_view s, Allocator& a) { return json::copy(s, a); }

// References of the schemas point into #/definitions; OpenAPI keeps them in #/components/schemas.
std::string relocated(std::string_view schema) {
    std::string out(schema);
    constexpr std::string_view kFrom = "#/definitions/", kTo = "#/components/schemas/";
    for (size_t at = 0; (at = out.find(kFrom, at)) != std::string::npos; at += kTo.size())
        out.replace(at, kFrom.size(), kTo);
    return out;
}

json::Value schemaOf(std::string_view schema, Allocator& a) {
    auto parsed = json::parse(relocated(schema));
    return json::Value(*parsed, a);
}

// The input schema without the members that travel outside of the body.
json::Value bodySchema(const Binding& binding, const operations::Operation& operation, Allocator& a) {
    json::Value schema = schemaOf(operation.input, a);
    if (!schema.HasMember("properties")) return schema;
    for (const Parameter& parameter : binding.parameters) {
        const std::string member(parameter.member);
        schema["properties"].RemoveMember(member.c_str());
        if (!schema.HasMember("required")) continue;
        auto& required = schema["required"];
        for (auto it = required.Begin(); it != required.End();)
            it = json::view(*it) == member ? required.Erase(it) : it + 1;
        if (required.Empty()) schema.RemoveMember("required");
    }
    return schema;
}

json::Value parametersOf(const Binding& binding, Allocator& a) {
    json::Value list(rapidjson::kArrayType);
    for (const Parameter& parameter : binding.parameters) {
        json::Value entry(rapidjson::kObjectType);
        entry.AddMember("name", text(parameter.name, a), a);
        entry.AddMember("in",
                        text(parameter.from == From::Path    ? "path"
                             : parameter.from == From::Query ? "query"
                                                             : "header",
                             a),
                        a);
        entry.AddMember("required", parameter.from == From::Path, a);
        entry.AddMember("description", text(parameter.summary, a), a);
        json::Value schema(rapidjson::kObjectType);
        schema.AddMember("type",
                         text(parameter.from == From::Header        ? "string"
                              : parameter.shape == Shape::Integer ? "integer"
                              : parameter.shape == Shape::Flag    ? "boolean"
                                                                  : "string",
                              a),
                         a);
        entry.AddMember("schema", schema, a);
        list.PushBack(entry, a);
    }
    return list;
}

json::Value jsonContent(json::Value schema, std::string_view media, Allocator& a) {
    json::Value body(rapidjson::kObjectType), content(rapidjson::kObjectType), entry(rapidjson::kObjectType);
    entry.AddMember("schema", schema, a);
    content.AddMember(text(media, a), entry, a);
    body.AddMember("content", content, a);
    return body;
}

json::Value responsesOf(const Binding& binding, const operations::Operation& operation, Allocator& a) {
    json::Value responses(rapidjson::kObjectType);
    json::Value good = jsonContent(schemaOf(operation.output, a), "application/json", a);
    good.AddMember("description", text(operation.summary, a), a);
    responses.AddMember(text(std::to_string(binding.success), a), good, a);
    json::Value problem(rapidjson::kObjectType);
    problem.AddMember("$ref", "#/components/responses/Problem", a);
    responses.AddMember("default", problem, a);
    return responses;
}

json::Value operationOf(const Binding& binding, Allocator& a) {
    const operations::Operation& operation = *operations::find(binding.operation);
    json::Value entry(rapidjson::kObjectType);
    entry.AddMember("operationId", text(operation.name, a), a);
    entry.AddMember("summary", text(operation.summary, a), a);
    if (operation.scope.empty()) entry.AddMember("security", json::Value(rapidjson::kArrayType), a);  // for everybody
    else entry.AddMember("x-engram-scope", text(operation.scope, a), a);
    if (!binding.parameters.empty()) entry.AddMember("parameters", parametersOf(binding, a), a);
    if (binding.body == Body::Input) {
        json::Value body = jsonContent(bodySchema(binding, operation, a), "application/json", a);
        body.AddMember("required", true, a);
        entry.AddMember("requestBody", body, a);
    }
    entry.AddMember("responses", responsesOf(binding, operation, a), a);
    return entry;
}

json::Value pathsOf(Allocator& a) {
    json::Value paths(rapidjson::kObjectType);
    for (const Binding& binding : bindings()) {
        const std::string path(binding.path);
        if (!paths.HasMember(path.c_str()))
            paths.AddMember(text(path, a), json::Value(rapidjson::kObjectType), a);
        std::string method(binding.method);
        std::transform(method.begin(), method.end(), method.begin(), [](char c) { return static_cast<char>(c | 0x20); });
        json::Value entry = operationOf(binding, a);
        paths[path.c_str()].AddMember(text(method, a), entry, a);
    }
    return paths;
}

json::Value componentsOf(Allocator& a) {
    json::Value components(rapidjson::kObjectType);
    components.AddMember("schemas", schemaOf(operations::definitions(), a), a);
    json::Value problem = jsonContent(schemaOf(R"({"$ref": "#/definitions/problem"})", a), problem::kContentType, a);
    problem.AddMember("description", "What went wrong (RFC 9457); `code` is one of the error reference", a);
    json::Value responses(rapidjson::kObjectType);
    responses.AddMember("Problem", problem, a);
    components.AddMember("responses", responses, a);
    auto bearer = json::parse(R"({"key": {"type": "http", "scheme": "bearer", "description": "An API key"}})");
    components.AddMember("securitySchemes", json::Value(*bearer, a), a);
    return components;
}

}  // namespace

std::string openapiDocument() {
    json::Document document(rapidjson::kObjectType);
    Allocator& a = document.GetAllocator();
    document.AddMember("openapi", "3.1.0", a);
    auto info = json::parse(
        R"({"title": "Engram", "version": "1", "summary": "Persistent memory for AI agents",
            "license": {"name": "MIT", "identifier": "MIT"}})");
    document.AddMember("info", json::Value(*info, a), a);
    auto security = json::parse(R"([{"key": []}])");
    document.AddMember("security", json::Value(*security, a), a);
    document.AddMember("paths", pathsOf(a), a);
    document.AddMember("components", componentsOf(a), a);
    json::Buffer buffer;
    rapidjson::PrettyWriter<json::Buffer> writer(buffer);
    writer.SetIndent(' ', 2);
    document.Accept(writer);
    return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
}

}  // namespace engram::rest
