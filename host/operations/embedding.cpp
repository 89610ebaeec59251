// Which model a tenant's memories are searched by, how far its vectors are, and changing to another.
#include "operations/domains.hpp"
#include "operations/memory_json.hpp"
#include "operations/services.hpp"

#include <algorithm>

namespace engram::operations {
namespace {

using engine::Embedding;

std::string_view nameOf(Embedding::Space::State state) {
    switch (state) {
        case Embedding::Space::State::Active: return "active";
        case Embedding::Space::State::Next: return "next";
        case Embedding::Space::State::Idle: break;
    }
    return "idle";
}

void textOrNull(json::Writer& out, std::string_view name, const std::string& text) {
    if (!text.empty()) return writeMember(out, name, text);
    writeText(out, name);
    out.Null();
}

void number(json::Writer& out, std::string_view name, uint64_t value) {
    writeText(out, name);
    out.Uint64(value);
}

void writeSpace(json::Writer& out, const Embedding::Space& space, uint64_t memories) {
    const uint64_t pending = memories - std::min(memories, space.covered + space.refused);
    out.StartObject();
    number(out, "id", space.id);
    writeMember(out, "model", space.model);
    number(out, "dimensions", space.dimensions);
    textOrNull(out, "embedder", space.embedder);
    writeMember(out, "state", nameOf(space.state));
    number(out, "covered", space.covered);
    number(out, "pending", space.state == Embedding::Space::State::Idle ? 0 : pending);
    number(out, "refused", space.refused);
    out.EndObject();
}

std::string embeddingJson(const Embedding& embedding) {
    std::string active;
    for (const Embedding::Space& space : embedding.spaces)
        if (space.state == Embedding::Space::State::Active) active = space.model;
    json::Buffer buffer;
    json::Writer out(buffer);
    out.StartObject();
    textOrNull(out, "model", active);
    number(out, "memories", embedding.memories);
    out.Key("spaces");
    out.StartArray();
    for (const Embedding::Space& space : embedding.spaces) writeSpace(out, space, embedding.memories);
    out.EndArray();
    out.Key("embedders");
    out.StartArray();
    for (const auto& [name, model] : embedding.embedders) {
        out.StartObject();
        writeMember(out, "name", name);
        writeMember(out, "model", model);
        out.EndObject();
    }
    out.EndArray();
    textOrNull(out, "failure", embedding.failure);
    out.EndObject();
    return {buffer.GetString(), buffer.GetSize()};
}

// The answer of all three: how it is now. `before` is for the audit log.
Result<Answer> answerOf(Services& services, const std::string& tenant, std::string target, std::string before) {
    auto embedding = services.engine.embedding(tenant);
    if (!embedding) return embedding.error();
    std::string now = embeddingJson(*embedding);
    Answer answer{"{\"embedding\":" + now + "}", 0, {}, {}};
    if (!target.empty()) answer.audit = {std::move(target), std::move(before), std::move(now), {}, {}};
    return answer;
}

void show(Services& services, const Invocation& call, Done done) {
    done(answerOf(services, call.caller.tenant_id, {}, {}));
}

void switchTo(Services& services, const Invocation& call, Done done) {
    const std::string embedder(textOr(call.input, "embedder", ""));
    const auto when = textOr(call.input, "when", "complete") == "now" ? engine::Engine::Switch::Now
                                                                      : engine::Engine::Switch::WhenComplete;
    auto before = services.engine.embedding(call.caller.tenant_id);
    if (!before) return done(before.error());
    if (auto done_so = services.engine.switchEmbedder(call.caller.tenant_id, embedder, when); !done_so)
        return done(done_so.error());
    done(answerOf(services, call.caller.tenant_id, embedder, embeddingJson(*before)));
}

void drop(Services& services, const Invocation& call, Done done) {
    const auto id = static_cast<uint32_t>(numberOr(call.input, "id", 0));
    auto before = services.engine.embedding(call.caller.tenant_id);
    if (!before) return done(before.error());
    if (auto dropped = services.engine.dropSpace(call.caller.tenant_id, id); !dropped) return done(dropped.error());
    done(answerOf(services, call.caller.tenant_id, std::to_string(id), embeddingJson(*before)));
}

#define ENGRAM_EMBEDDING                                                                  \
    R"({"type": "object", "additionalProperties": false, "required": ["embedding"],)"     \
    R"("properties": {"embedding": {"$ref": "#/definitions/embedding"}}})"

constexpr Operation kOperations[] = {
    {"embedding.show", "Which model memories are searched by, and how many wait for their vectors", "tenant:read", Lane::Blocking,
     Effect::Reads, Repeat::Idempotent, R"({"type": "object", "additionalProperties": false})", ENGRAM_EMBEDDING, &show},
    {"embedding.switch", "Search memories by another embedder's model, once all have its vectors or at once", "tenant:admin",
     Lane::Blocking, Effect::Writes, Repeat::Idempotent,
     R"({"type": "object", "additionalProperties": false, "required": ["embedder"],
         "properties": {"embedder": {"type": "string", "minLength": 1, "maxLength": 128,
             "description": "Name of a plugin of kind embed in the server's configuration"},
           "when": {"type": "string", "enum": ["complete", "now"],
             "description": "complete, the default: when every memory has a vector; now: at once, which is also the way back"}}})",
     ENGRAM_EMBEDDING, &switchTo, {"embedding", "embedder"}},
    {"embedding.drop", "Delete the vectors of a model that is not in use", "tenant:admin", Lane::Blocking, Effect::Destroys,
     Repeat::NotIdempotent,
     R"({"type": "object", "additionalProperties": false, "required": ["id"],
         "properties": {"id": {"type": "integer", "minimum": 1, "maximum": 4294967295}}})",
     ENGRAM_EMBEDDING, &drop, {"embedding", ""}},
};

}  // namespace

std::span<const Operation> embeddingOperations() { return kOperations; }

}  // namespace engram::operations
