#include "operations/domains.hpp"
#include "operations/memory_json.hpp"
#include "operations/services.hpp"

namespace engram::operations {
namespace {

Result<engine::SearchQuery> readQuery(const json::Value& input) {
    engine::SearchQuery query;
    query.text = textOr(input, "query", "");
    if (auto* workspace = json::find(input, "workspace")) query.workspaces.emplace_back(json::view(*workspace));
    if (auto* filter = json::find(input, "filter")) {
        auto parsed = engine::parseFilter(*filter);
        if (!parsed) return parsed.error();
        query.filter = std::move(*parsed);
    }
    query.limit = static_cast<uint32_t>(numberOr(input, "limit", 10));
    const json::Value* explain = json::find(input, "explain");
    query.explain = explain && explain->IsTrue() ? engine::SearchQuery::Explain::Yes : engine::SearchQuery::Explain::No;
    const std::string_view mode = textOr(input, "mode", "hybrid");
    query.mode = mode == "lexical"  ? engine::SearchQuery::Mode::Lexical
                 : mode == "vector" ? engine::SearchQuery::Mode::Vector
                                    : engine::SearchQuery::Mode::Hybrid;
    return query;
}

void search(Services& services, const Invocation& call, Done done) {
    auto query = readQuery(call.input);
    if (!query) return done(query.error());
    engine::ReadOptions options;
    options.at_least_lsn = numberOr(call.input, "at_least_lsn", 0);
    options.thread = engine::ReadOptions::Thread::Lane;
    auto found = services.engine.search(call.caller.tenant_id, *query, options);
    if (!found) return done(found.error());
    json::Buffer buffer;
    json::Writer out(buffer);
    out.StartObject();
    out.Key("results");
    out.StartArray();
    for (const engine::Hit& hit : found->hits) {
        out.StartObject();
        out.Key("memory");
        writeMemory(out, hit.memory);
        out.Key("score");
        out.Double(hit.score);
        if (query->explain == engine::SearchQuery::Explain::Yes) {
            const std::string explain = hit.explainJson();
            out.Key("explain");
            out.RawValue(explain.data(), explain.size(), rapidjson::kObjectType);
        }
        out.EndObject();
    }
    out.EndArray();
    out.Key("lsn");
    out.Uint64(found->lsn);
    out.EndObject();
    const std::string workspace = query->workspaces.empty() ? std::string() : query->workspaces.front();
    done(Answer{{buffer.GetString(), buffer.GetSize()}, 0, {}, {workspace, 0, found->hits.size(), 1}});
}

constexpr Operation kOperations[] = {
    {"memory.search", "Find memories by what they say", "memory:read", Lane::Cpu, Effect::Reads, Repeat::Idempotent,
     R"({"type": "object", "additionalProperties": false, "required": ["query"],
         "properties": {"query": {"type": "string", "minLength": 1, "maxLength": 8192},
           "workspace": {"$ref": "#/definitions/workspace_name"}, "filter": {"$ref": "#/definitions/filter"},
           "limit": {"type": "integer", "minimum": 1, "maximum": 100}, "explain": {"type": "boolean"},
           "mode": {"type": "string", "enum": ["hybrid", "lexical", "vector"]},
           "at_least_lsn": {"$ref": "#/definitions/lsn"}}})",
     R"({"type": "object", "additionalProperties": false, "required": ["results", "lsn"],
         "properties": {"lsn": {"$ref": "#/definitions/lsn"},
           "results": {"type": "array", "items": {"type": "object", "additionalProperties": false,
             "required": ["memory", "score"],
             "properties": {"memory": {"$ref": "#/definitions/memory"}, "score": {"type": "number"},
                            "explain": {"type": "object"}}}}}})",
     &search},
};

}  // namespace

std::span<const Operation> searchOperations() { return kOperations; }

}  // namespace engram::operations
