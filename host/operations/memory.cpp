#include "operations/domains.hpp"
#include "operations/memory_call.hpp"
#include "operations/memory_json.hpp"
#include "operations/services.hpp"
#include "operations/workspaces.hpp"

namespace engram::operations {
namespace {

std::string renderWritten(std::span<const engine::Written> written) {
    const engine::Memory& memory = written.front().memory;
    std::string open_object = renderMemory({&memory, 1});
    return open_object + ",\"outcome\":\"" + std::string(outcomeName(written.front().outcome)) + '"';
}

std::string renderCreated(std::span<const engine::Memory> memories) {
    const engine::Written written{memories.front(), engine::Written::Outcome::Created, {}};
    return renderWritten({&written, 1});
}

void create(Services& services, const Invocation& call, Done done) {
    auto memory = readNewMemory(call.input, services.now(), "");
    if (!memory) return done(memory.error());
    if (auto valid = engine::validate(*memory); !valid) return done(valid.error());
    if (auto known = services.workspaces.ensure(call.caller.tenant_id, memory->workspace, call.caller.limits.workspaces); !known)
        return done(known.error());
    auto finished = finishFromAnswer(std::move(done), Usage{memory->workspace, 1, 0, 0});
    const bool plain = memory->on_duplicate == engine::OnDuplicate::Allow;
    std::vector<engine::NewMemory> memories;
    memories.push_back(std::move(*memory));
    if (plain)
        return services.engine.create(call.caller.tenant_id, std::move(memories),
                                      writeOptions(call, "memory.create", &renderCreated), std::move(finished));
    services.engine.createOnce(call.caller.tenant_id, std::move(memories), engine::Items::Together,
                               writeOptions(call, "memory.create", nullptr), &renderWritten, std::move(finished));
}

void get(Services& services, const Invocation& call, Done done) {
    auto id = readId(call.input);
    if (!id) return done(id.error());
    auto memory = services.engine.get(call.caller.tenant_id, *id, readOptions(call));
    if (!memory) return done(memory.error());
    json::Buffer buffer;
    json::Writer out(buffer);
    out.StartObject();
    out.Key("memory");
    writeMemory(out, *memory);
    out.EndObject();
    done(Answer{{buffer.GetString(), buffer.GetSize()}, memory->version, {}, {memory->workspace, 0, 1, 0}});
}

void update(Services& services, const Invocation& call, Done done) {
    auto id = readId(call.input);
    if (!id) return done(id.error());
    auto patch = readPatch(call.input, services.now());
    if (!patch) return done(patch.error());
    services.engine.update(call.caller.tenant_id, *id, std::move(*patch), expectedVersion(call.input),
                           writeOptions(call, "memory.update", &renderMemory),
                           finishFromAnswer(std::move(done), Usage{{}, 1, 0, 0}));
}

void remove(Services& services, const Invocation& call, Done done) {
    auto id = readId(call.input);
    if (!id) return done(id.error());
    services.engine.remove(call.caller.tenant_id, *id, expectedVersion(call.input),
                           writeOptions(call, "memory.delete", &renderNothing),
                           finish(std::move(done), Usage{{}, 1, 0, 0}));
}

void undelete(Services& services, const Invocation& call, Done done) {
    auto id = readId(call.input);
    if (!id) return done(id.error());
    services.engine.undelete(call.caller.tenant_id, *id, writeOptions(call, "memory.undelete", &renderMemory),
                             finishFromAnswer(std::move(done), Usage{{}, 1, 0, 0}));
}

void revert(Services& services, const Invocation& call, Done done) {
    auto id = readId(call.input);
    if (!id) return done(id.error());
    services.engine.revert(call.caller.tenant_id, *id, json::find(call.input, "version")->GetUint64(),
                           expectedVersion(call.input), writeOptions(call, "memory.revert", &renderMemory),
                           finishFromAnswer(std::move(done), Usage{{}, 1, 0, 0}));
}

void history(Services& services, const Invocation& call, Done done) {
    auto id = readId(call.input);
    if (!id) return done(id.error());
    auto versions = services.engine.history(call.caller.tenant_id, *id, readOptions(call));
    if (!versions) return done(versions.error());
    json::Buffer buffer;
    json::Writer out(buffer);
    out.StartObject();
    out.Key("versions");
    out.StartArray();
    for (const engine::Memory& memory : *versions) {
        const bool live = memory.state == engine::Memory::State::Live;
        out.StartObject();
        out.Key("version");
        out.Uint64(memory.version);
        out.Key("lsn");
        out.Uint64(memory.lsn);
        writeMember(out, "state", live ? "live" : "deleted");
        out.Key("memory");
        if (live) writeMemory(out, memory);
        else out.Null();
        out.EndObject();
    }
    out.EndArray();
    out.EndObject();
    done(Answer{{buffer.GetString(), buffer.GetSize()}, 0, {}, {{}, 0, versions->size(), 0}});
}

void list(Services& services, const Invocation& call, Done done) {
    engine::ListQuery query;
    if (auto* workspace = json::find(call.input, "workspace")) query.workspaces.emplace_back(json::view(*workspace));
    if (auto* filter = json::find(call.input, "filter")) {
        auto parsed = engine::parseFilter(*filter);
        if (!parsed) return done(parsed.error());
        query.filter = std::move(*parsed);
    }
    auto valid_at = readTime(call.input, "valid_at", "");
    if (!valid_at) return done(valid_at.error());
    if (*valid_at) query.filter.require(engine::validAt(***valid_at));
    const std::string_view order = textOr(call.input, "order", "created");
    query.order = order == "updated"      ? engine::Order::Updated
                  : order == "occurred"   ? engine::Order::Occurred
                  : order == "importance" ? engine::Order::Importance
                                          : engine::Order::Created;
    query.direction = textOr(call.input, "direction", "desc") == "asc" ? engine::Direction::Ascending
                                                                       : engine::Direction::Descending;
    query.limit = static_cast<uint32_t>(numberOr(call.input, "limit", 50));
    query.cursor = textOr(call.input, "cursor", "");
    auto page = services.engine.list(call.caller.tenant_id, query, readOptions(call));
    if (!page) return done(page.error());
    json::Buffer buffer;
    json::Writer out(buffer);
    out.StartObject();
    out.Key("memories");
    out.StartArray();
    for (const engine::Memory& memory : page->memories) writeMemory(out, memory);
    out.EndArray();
    out.Key("next_cursor");
    if (page->next_cursor.empty()) out.Null();
    else writeText(out, page->next_cursor);
    out.EndObject();
    const std::string workspace = query.workspaces.empty() ? std::string() : query.workspaces.front();
    done(Answer{{buffer.GetString(), buffer.GetSize()}, 0, {}, {workspace, 0, page->memories.size(), 0}});
}

constexpr Operation kOperations[] = {
    {"memory.create", "Store one memory", "memory:write", Lane::Cpu, Effect::Writes, Repeat::NotIdempotent,
     R"({"$ref": "#/definitions/new_memory"})",
     R"({"type": "object", "additionalProperties": false, "required": ["memory", "outcome", "lsn"],
         "properties": {"memory": {"$ref": "#/definitions/memory"}, "lsn": {"$ref": "#/definitions/lsn"},
           "outcome": {"type": "string", "enum": ["created", "merged", "skipped"],
                       "description": "merged, skipped: the memory is one that was there"}}})",
     &create},
    {"memory.get", "One memory by id", "memory:read", Lane::Inline, Effect::Reads, Repeat::Idempotent,
     R"({"type": "object", "additionalProperties": false, "required": ["id"],
         "properties": {"id": {"type": "string"}, "at_least_lsn": {"$ref": "#/definitions/lsn"}}})",
     R"({"type": "object", "additionalProperties": false, "required": ["memory"],
         "properties": {"memory": {"$ref": "#/definitions/memory"}}})",
     &get},
    {"memory.update", "Change some fields of a memory; null clears one", "memory:write", Lane::Cpu, Effect::Writes,
     Repeat::Idempotent,
     R"({"type": "object", "additionalProperties": false, "required": ["id"],
         "properties": {"id": {"type": "string"},
           "expected_version": {"type": "integer", "minimum": 1, "description": "Refuse with 409 if the memory has another"},
           "content": {"type": "string", "minLength": 1}, "private": {"$ref": "#/definitions/private"},
           "type": {"type": "string", "minLength": 1, "maxLength": 64},
           "tags": {"anyOf": [{"$ref": "#/definitions/tags"}, {"type": "null"}]},
           "metadata": {"type": ["object", "null"]},
           "importance": {"type": "number", "minimum": 0, "maximum": 1},
           "pinned": {"$ref": "#/definitions/pinned"}, "tier": {"$ref": "#/definitions/tier"},
           "occurred_at": {"$ref": "#/definitions/time_or_null"}, "expires_at": {"$ref": "#/definitions/time_or_null"},
           "valid_from": {"$ref": "#/definitions/time_or_null"}, "valid_until": {"$ref": "#/definitions/time_or_null"},
           "ttl_seconds": {"type": "integer", "minimum": 1, "maximum": 3153600000}}})",
     R"({"$ref": "#/definitions/written_memory"})", &update},
    {"memory.delete", "Delete a memory; it can be undeleted", "memory:delete", Lane::Cpu, Effect::Destroys,
     Repeat::Idempotent,
     R"({"type": "object", "additionalProperties": false, "required": ["id"],
         "properties": {"id": {"type": "string"}, "expected_version": {"type": "integer", "minimum": 1}}})",
     R"({"type": "object", "additionalProperties": false, "required": ["lsn"],
         "properties": {"lsn": {"$ref": "#/definitions/lsn"}}})",
     &remove},
    {"memory.undelete", "Bring a deleted memory back as a new version", "memory:write", Lane::Cpu, Effect::Writes,
     Repeat::Idempotent,
     R"({"type": "object", "additionalProperties": false, "required": ["id"], "properties": {"id": {"type": "string"}}})",
     R"({"$ref": "#/definitions/written_memory"})", &undelete},
    {"memory.revert", "Make an earlier version the newest again", "memory:write", Lane::Cpu, Effect::Writes,
     Repeat::Idempotent,
     R"({"type": "object", "additionalProperties": false, "required": ["id", "version"],
         "properties": {"id": {"type": "string"}, "version": {"type": "integer", "minimum": 1},
                        "expected_version": {"type": "integer", "minimum": 1}}})",
     R"({"$ref": "#/definitions/written_memory"})", &revert},
    {"memory.history", "Every version of a memory, oldest first", "memory:read", Lane::Cpu, Effect::Reads,
     Repeat::Idempotent,
     R"({"type": "object", "additionalProperties": false, "required": ["id"],
         "properties": {"id": {"type": "string"}, "at_least_lsn": {"$ref": "#/definitions/lsn"}}})",
     R"({"type": "object", "additionalProperties": false, "required": ["versions"],
         "properties": {"versions": {"type": "array", "items": {"$ref": "#/definitions/memory_version"}}}})",
     &history},
    {"memory.list", "Memories in order, page by page", "memory:read", Lane::Cpu, Effect::Reads, Repeat::Idempotent,
     R"({"type": "object", "additionalProperties": false,
         "properties": {"workspace": {"$ref": "#/definitions/workspace_name"}, "filter": {"$ref": "#/definitions/filter"},
           "valid_at": {"$ref": "#/definitions/time"},
           "order": {"type": "string", "enum": ["created", "updated", "occurred", "importance"]},
           "direction": {"type": "string", "enum": ["asc", "desc"]},
           "limit": {"type": "integer", "minimum": 1, "maximum": 1000,
                     "description": "50 if not given; a page of large memories ends earlier"},
           "cursor": {"type": "string", "maxLength": 4096},
           "at_least_lsn": {"$ref": "#/definitions/lsn"}}})",
     R"({"type": "object", "additionalProperties": false, "required": ["memories", "next_cursor"],
         "properties": {"memories": {"type": "array", "items": {"$ref": "#/definitions/memory"}},
                        "next_cursor": {"type": ["string", "null"]}}})",
     &list},
};

}  // namespace

std::span<const Operation> memoryOperations() { return kOperations; }

}  // namespace engram::operations
