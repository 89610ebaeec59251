// Memories that are alike.
#include "operations/domains.hpp"
#include "operations/memory_call.hpp"
#include "operations/memory_json.hpp"
#include "operations/services.hpp"

namespace engram::operations {
namespace {

void writePair(json::Writer& out, const engine::DuplicatesPage::Pair& pair) {
    out.StartObject();
    out.Key("score");
    out.Double(pair.score);
    out.Key("same");
    out.Bool(pair.same);
    out.Key("first");
    writeMemory(out, pair.first);
    out.Key("second");
    writeMemory(out, pair.second);
    out.EndObject();
}

void duplicates(Services& services, const Invocation& call, Done done) {
    engine::DuplicatesQuery query;
    if (json::find(call.input, "id")) {
        for (const char* other : {"workspace", "cursor"})
            if (json::find(call.input, other))
                return done(Error{"invalid_request", std::string("id and ") + other + " exclude each other",
                                  "the memory's own workspace is looked at", std::string("/") + other});
        auto id = readId(call.input);
        if (!id) return done(id.error());
        query.id = *id;
    }
    query.workspace = textOr(call.input, "workspace", "default");
    query.cursor = textOr(call.input, "cursor", "");
    if (auto* threshold = json::find(call.input, "threshold")) query.threshold = threshold->GetDouble();
    auto page = services.engine.duplicates(call.caller.tenant_id, query, readOptions(call));
    if (!page) return done(page.error());
    json::Buffer buffer;
    json::Writer out(buffer);
    out.StartObject();
    out.Key("pairs");
    out.StartArray();
    for (const auto& pair : page->pairs) writePair(out, pair);
    out.EndArray();
    out.Key("next_cursor");
    if (page->next_cursor.empty()) out.Null();
    else writeText(out, page->next_cursor);
    out.EndObject();
    done(Answer{{buffer.GetString(), buffer.GetSize()}, 0, {}, {query.workspace, 0, page->pairs.size(), 0}});
}

constexpr Operation kOperations[] = {
    {"memory.duplicates", "Pairs of memories that share most of their words", "memory:read", Lane::Cpu, Effect::Reads,
     Repeat::Idempotent,
     R"({"type": "object", "additionalProperties": false,
         "properties": {"id": {"type": "string", "description": "Only what is like this memory"},
           "workspace": {"$ref": "#/definitions/workspace_name"},
           "threshold": {"type": "number", "minimum": 0.1, "maximum": 1, "description": "Least share of words in common; 0.8 if not given"},
           "cursor": {"type": "string", "maxLength": 4096}, "at_least_lsn": {"$ref": "#/definitions/lsn"}}})",
     R"({"type": "object", "additionalProperties": false, "required": ["pairs", "next_cursor"],
         "properties": {"next_cursor": {"type": ["string", "null"]},
           "pairs": {"type": "array", "items": {"type": "object", "additionalProperties": false,
             "required": ["score", "same", "first", "second"],
             "properties": {"score": {"type": "number", "description": "Words in common by words in either"},
               "same": {"type": "boolean", "description": "The texts are equal, white space aside"},
               "first": {"$ref": "#/definitions/memory"}, "second": {"$ref": "#/definitions/memory"}}}}}})",
     &duplicates},
};

}  // namespace

std::span<const Operation> duplicateOperations() { return kOperations; }

}  // namespace engram::operations
