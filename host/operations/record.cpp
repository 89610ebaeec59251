// Operations on the versions of one memory beyond reading and writing it.
#include "operations/changes_json.hpp"
#include "operations/domains.hpp"
#include "operations/memory_call.hpp"
#include "operations/memory_json.hpp"
#include "operations/services.hpp"

namespace engram::operations {
namespace {

void purge(Services& services, const Invocation& call, Done done) {
    auto id = readId(call.input);
    if (!id) return done(id.error());
    services.engine.purge(call.caller.tenant_id, *id, expectedVersion(call.input),
                          writeOptions(call, "memory.purge", &renderNothing), finish(std::move(done), Usage{{}, 1, 0, 0}));
}

// {"memory": {...}}, or null where it is deleted.
std::string renderUndone(std::span<const engine::Memory> memories) {
    const bool live = memories.front().state == engine::Memory::State::Live;
    return live ? renderMemory(memories) : std::string("{\"memory\":null");
}

void undo(Services& services, const Invocation& call, Done done) {
    auto id = readId(call.input);
    if (!id) return done(id.error());
    services.engine.undo(call.caller.tenant_id, *id, expectedVersion(call.input),
                         writeOptions(call, "memory.undo", &renderUndone),
                         finishFromAnswer(std::move(done), Usage{{}, 1, 0, 0}));
}

void feedback(Services& services, const Invocation& call, Done done) {
    auto id = readId(call.input);
    if (!id) return done(id.error());
    engine::MemoryPatch patch;
    patch.useful = json::find(call.input, "useful")->GetBool();
    services.engine.update(call.caller.tenant_id, *id, std::move(patch), {},
                           writeOptions(call, "memory.feedback", &renderMemory),
                           finishFromAnswer(std::move(done), Usage{{}, 1, 0, 0}));
}

// The versions to compare: those asked for, else the two newest with content.
Result<std::pair<const engine::Memory*, const engine::Memory*>> pick(const std::vector<engine::Memory>& versions,
                                                                     const json::Value& input) {
    std::vector<const engine::Memory*> live;
    for (const engine::Memory& memory : versions)
        if (memory.state == engine::Memory::State::Live) live.push_back(&memory);
    const auto at = [&](const char* member, const engine::Memory* otherwise) -> Result<const engine::Memory*> {
        const json::Value* wanted = json::find(input, member);
        if (!wanted) return otherwise;
        for (const engine::Memory* memory : live)
            if (memory->version == wanted->GetUint64()) return memory;
        return Error{"version_not_found", "the memory has no content at version " + std::to_string(wanted->GetUint64()), "",
                     std::string("/") + member};
    };
    if (live.empty()) return Error{"version_not_found", "the memory has no version with content", "", "/id"};
    auto to = at("to", live.back());
    if (!to) return to.error();
    const engine::Memory* before = *to;  // a first version is compared with itself
    for (const engine::Memory* memory : live)
        if (memory->version < (*to)->version) before = memory;
    auto from = at("from", before);
    if (!from) return from.error();
    return std::pair(*from, *to);
}

void diff(Services& services, const Invocation& call, Done done) {
    auto id = readId(call.input);
    if (!id) return done(id.error());
    auto versions = services.engine.history(call.caller.tenant_id, *id, readOptions(call));
    if (!versions) return done(versions.error());
    auto picked = pick(*versions, call.input);
    if (!picked) return done(picked.error());
    json::Buffer buffer;
    json::Writer out(buffer);
    out.StartObject();
    out.Key("from");
    out.Uint64(picked->first->version);
    out.Key("to");
    out.Uint64(picked->second->version);
    out.Key("changes");
    writeChanges(out, *picked->first, *picked->second);
    out.EndObject();
    done(Answer{{buffer.GetString(), buffer.GetSize()}, 0, {}, {picked->second->workspace, 0, 2, 0}});
}

constexpr Operation kOperations[] = {
    {"memory.diff", "What changed between two versions of a memory", "memory:read", Lane::Cpu, Effect::Reads,
     Repeat::Idempotent,
     R"({"type": "object", "additionalProperties": false, "required": ["id"],
         "properties": {"id": {"type": "string"},
           "from": {"type": "integer", "minimum": 1, "description": "The version before `to` if not given"},
           "to": {"type": "integer", "minimum": 1, "description": "The newest version if not given"},
           "at_least_lsn": {"$ref": "#/definitions/lsn"}}})",
     R"({"type": "object", "additionalProperties": false, "required": ["from", "to", "changes"],
         "properties": {"from": {"type": "integer"}, "to": {"type": "integer"}, "changes": {"$ref": "#/definitions/changes"}}})",
     &diff},
    {"memory.undo", "Take the last change of a memory back, a delete too; done twice it is as it was", "memory:write",
     Lane::Cpu, Effect::Writes, Repeat::NotIdempotent,
     R"({"type": "object", "additionalProperties": false, "required": ["id"],
         "properties": {"id": {"type": "string"}, "expected_version": {"type": "integer", "minimum": 1}}})",
     R"({"type": "object", "additionalProperties": false, "required": ["memory", "lsn"],
         "properties": {"lsn": {"$ref": "#/definitions/lsn"},
           "memory": {"anyOf": [{"$ref": "#/definitions/memory"}, {"type": "null"}]}}})",
     &undo},
    {"memory.feedback", "Say whether a memory was useful: its importance moves a fifth of the way to 1, or to 0", "memory:write",
     Lane::Cpu, Effect::Writes, Repeat::NotIdempotent,
     R"({"type": "object", "additionalProperties": false, "required": ["id", "useful"],
         "properties": {"id": {"type": "string"}, "useful": {"type": "boolean"}}})",
     R"({"$ref": "#/definitions/written_memory"})", &feedback},
    {"memory.purge", "Remove every version and byte of a memory; nothing brings it back", "memory:purge", Lane::Cpu,
     Effect::Destroys, Repeat::Idempotent,
     R"({"type": "object", "additionalProperties": false, "required": ["id"],
         "properties": {"id": {"type": "string"}, "expected_version": {"type": "integer", "minimum": 1}}})",
     R"({"type": "object", "additionalProperties": false, "required": ["lsn"],
         "properties": {"lsn": {"$ref": "#/definitions/lsn"}}})",
     &purge},
};

}  // namespace

std::span<const Operation> recordOperations() { return kOperations; }

}  // namespace engram::operations
