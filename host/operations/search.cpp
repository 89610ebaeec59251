#include "operations/domains.hpp"
#include "operations/memory_json.hpp"
#include "operations/search_query.hpp"
#include "operations/services.hpp"

#include <memory>
#include <thread>

namespace engram::operations {
namespace {

// A search between its parts: the query's vector may have to be waited for.
struct Asked {
    engine::SearchQuery query;
    engine::ReadOptions options;
    std::string tenant;
    uint64_t max_tokens;  // of the results' contents together
    Done done;
};

std::string_view nameOf(engine::Incomplete::Reason reason) {
    switch (reason) {
        case engine::Incomplete::Reason::Pending: return "pending";
        case engine::Incomplete::Reason::Failed: return "failed";
        case engine::Incomplete::Reason::NoEmbedder: break;
    }
    return "no_embedder";
}

void writeIncomplete(json::Writer& out, const std::vector<engine::Incomplete>& arms) {
    if (arms.empty()) return;
    out.Key("incomplete");
    out.StartArray();
    for (const engine::Incomplete& arm : arms) {
        out.StartObject();
        writeMember(out, "arm", arm.arm);
        writeMember(out, "reason", nameOf(arm.reason));
        if (arm.pending > 0) {
            out.Key("pending");
            out.Uint64(arm.pending);
        }
        if (!arm.detail.empty()) writeMember(out, "detail", arm.detail);
        out.EndObject();
    }
    out.EndArray();
}

template <class Told>
void writeRaw(json::Writer& out, const char* name, const std::optional<Told>& told) {
    if (!told) return;
    const std::string text = told->json();
    out.Key(name);
    out.RawValue(text.data(), text.size(), rapidjson::kObjectType);
}

void answer(Services& services, const Asked& asked, const engine::QueryVector& vector) {
    auto found = services.engine.search(asked.tenant, asked.query, vector, asked.options);
    if (!found) return asked.done(found.error());
    const size_t omitted = cutToTokens(found->hits, asked.max_tokens);
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
        if (asked.query.explain == engine::SearchQuery::Explain::Yes) {
            const std::string explain = hit.explainJson();
            out.Key("explain");
            out.RawValue(explain.data(), explain.size(), rapidjson::kObjectType);
        }
        out.EndObject();
    }
    out.EndArray();
    if (const std::string next = found->page.after(found->hits.size()); !next.empty()) writeMember(out, "next_cursor", next);
    if (omitted > 0) {
        out.Key("omitted");
        out.Uint64(omitted);
    }
    writeIncomplete(out, found->incomplete);
    writeRaw(out, "explain", found->explanation);
    writeRaw(out, "why_not", found->why_not);
    out.Key("lsn");
    out.Uint64(found->lsn);
    out.EndObject();
    const std::string workspace = asked.query.workspaces.empty() ? std::string() : asked.query.workspaces.front();
    asked.done(Answer{{buffer.GetString(), buffer.GetSize()}, 0, {}, {workspace, 0, found->hits.size(), 1}});
}

void search(Services& services, const Invocation& call, Done done) {
    auto query = readSearchQuery(call.input);
    if (!query) return done(query.error());
    engine::ReadOptions options;
    options.at_least_lsn = numberOr(call.input, "at_least_lsn", 0);
    options.thread = engine::ReadOptions::Thread::Lane;
    auto asked = std::make_shared<Asked>(Asked{std::move(*query), options, call.caller.tenant_id,
                                              numberOr(call.input, "max_tokens", UINT64_MAX), std::move(done)});
    const auto here = std::this_thread::get_id();
    services.engine.embedQuery(asked->tenant, asked->query, [&services, asked, here](Result<engine::QueryVector> vector) {
        if (!vector) return asked->done(vector.error());
        if (std::this_thread::get_id() == here || !services.on_cpu) return answer(services, *asked, *vector);
        // Whoever brings the vector has no time for a search.
        auto held = std::make_shared<engine::QueryVector>(std::move(*vector));
        if (!services.on_cpu(asked->tenant, [&services, asked, held] { answer(services, *asked, *held); }))
            asked->done(Error{"overloaded", "too many searches are waiting", "", ""});
    });
}

constexpr Operation kOperations[] = {
    {"memory.search", "Find memories by what they say", "memory:read", Lane::Cpu, Effect::Reads, Repeat::Idempotent,
     R"({"type": "object", "additionalProperties": false, "required": ["query"],
         "properties": {"query": {"type": "string", "minLength": 1, "maxLength": 8192},
           "workspace": {"$ref": "#/definitions/workspace_name"}, "filter": {"$ref": "#/definitions/filter"},
           "limit": {"type": "integer", "minimum": 1, "maximum": 100}, "explain": {"type": "boolean"},
           "mode": {"type": "string", "enum": ["hybrid", "lexical", "vector"]},
           "context": {"type": "string", "enum": ["session", "none"]},
           "dates": {"type": "string", "enum": ["favour", "ignore"]},
           "fuzzy": {"type": "string", "enum": ["auto", "off"]}, "why_not": {"$ref": "#/definitions/uuid"},
           "types": {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1, "maxItems": 32},
           "tags": {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1, "maxItems": 32},
           "since": {"$ref": "#/definitions/time"}, "until": {"$ref": "#/definitions/time"},
           "max_tokens": {"type": "integer", "minimum": 1, "maximum": 1000000},
           "as_of": {"type": ["integer", "string"], "minimum": 0,
             "description": "The past: an LSN, or an RFC 3339 date and time"},
           "valid_at": {"$ref": "#/definitions/time"}, "weights": {"$ref": "#/definitions/weights"},
           "cursor": {"type": "string", "maxLength": 1024},
           "at_least_lsn": {"$ref": "#/definitions/lsn"}}})",
     R"({"type": "object", "additionalProperties": false, "required": ["results", "lsn"],
         "properties": {"next_cursor": {"type": "string", "description": "Of the page after this one; absent if there is none"},
           "lsn": {"$ref": "#/definitions/lsn"}, "incomplete": {"$ref": "#/definitions/incomplete"},
           "omitted": {"type": "integer", "minimum": 1, "description": "Results left out to stay within max_tokens"},
           "explain": {"type": "object"}, "why_not": {"type": "object", "required": ["reason"],
             "properties": {"reason": {"type": "string"}, "condition": {"type": "string"}, "rank": {"type": "integer"},
                            "score": {"type": "number"}}},
           "results": {"type": "array", "items": {"type": "object", "additionalProperties": false,
             "required": ["memory", "score"],
             "properties": {"memory": {"$ref": "#/definitions/memory"}, "score": {"type": "number"},
                            "explain": {"type": "object"}}}}}})",
     &search},
};

}  // namespace

std::span<const Operation> searchOperations() { return kOperations; }

}  // namespace engram::operations
