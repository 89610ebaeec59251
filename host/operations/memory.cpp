#include "operations/domains.hpp"
#include "operations/memory_json.hpp"
#include "operations/schema.hpp"
#include "operations/services.hpp"
#include "operations/workspaces.hpp"

#include <openssl/evp.h>

namespace engram::operations {
namespace {

constexpr size_t kMaxBatch = 1000;

std::array<uint8_t, 32> hashOf(std::string_view operation, std::string_view request) {
    std::string text(operation);
    text.push_back('\0');
    text.append(request);
    std::array<uint8_t, 32> hash{};
    unsigned length = 0;
    EVP_Digest(text.data(), text.size(), hash.data(), &length, EVP_sha256(), nullptr);
    return hash;
}

engine::WriteOptions writeOptions(const Invocation& call, std::string_view operation, engine::Render render) {
    engine::WriteOptions options;
    options.idempotency_key = call.idempotency_key;
    if (!call.idempotency_key.empty()) options.request_hash = hashOf(operation, call.request_bytes);
    options.render = std::move(render);
    return options;
}

// {"memory": {...}} without its closing brace: the receipt's LSN is added once it is known.
std::string renderMemory(std::span<const engine::Memory> memories) {
    json::Buffer buffer;
    json::Writer out(buffer);
    out.StartObject();
    out.Key("memory");
    writeMemory(out, memories.front());
    return {buffer.GetString(), buffer.GetSize()};
}

std::string withLsn(std::string open_object, uint64_t lsn) {
    if (open_object.size() > 1) open_object += ',';
    open_object += "\"lsn\":" + std::to_string(lsn) + "}";
    return open_object;
}

// The common end of every write of one memory.
engine::WriteDone finish(Done done, Usage usage, uint64_t version, std::string location = {}) {
    return [done = std::move(done), usage = std::move(usage), version,
            location = std::move(location)](Result<engine::Receipt> receipt) mutable {
        if (!receipt) return done(receipt.error());
        done(Answer{withLsn(std::move(receipt->answer), receipt->lsn), version, std::move(location), std::move(usage)});
    };
}

// Version and id of the memory in a rendered answer, which on a replay is the only place they are known.
engine::WriteDone finishFromAnswer(Done done, Usage usage) {
    return [done = std::move(done), usage = std::move(usage)](Result<engine::Receipt> receipt) mutable {
        if (!receipt) return done(receipt.error());
        Answer answer{withLsn(std::move(receipt->answer), receipt->lsn), 0, {}, std::move(usage)};
        if (auto parsed = json::parse(answer.body))
            if (const json::Value* memory = json::find(*parsed, "memory")) {
                answer.version = numberOr(*memory, "version", 0);
                answer.location = textOr(*memory, "id", "");
                answer.usage.workspace = textOr(*memory, "workspace", "");
            }
        done(std::move(answer));
    };
}

std::optional<uint64_t> expectedVersion(const json::Value& input) {
    const json::Value* version = json::find(input, "expected_version");
    return version ? std::optional<uint64_t>(version->GetUint64()) : std::nullopt;
}

void create(Services& services, const Invocation& call, Done done) {
    auto memory = readNewMemory(call.input, services.now(), "");
    if (!memory) return done(memory.error());
    if (auto valid = engine::validate(*memory); !valid) return done(valid.error());
    if (auto known = services.workspaces.ensure(call.caller.tenant_id, memory->workspace); !known)
        return done(known.error());
    Usage usage{memory->workspace, 1, 0, 0};
    std::vector<engine::NewMemory> memories;
    memories.push_back(std::move(*memory));
    services.engine.create(call.caller.tenant_id, std::move(memories),
                           writeOptions(call, "memory.create", &renderMemory),
                           finishFromAnswer(std::move(done), std::move(usage)));
}

void writeItemError(json::Writer& out, const Error& error) {
    out.StartObject();
    out.Key("error");
    out.StartObject();
    writeMember(out, "code", error.code);
    writeMember(out, "detail", error.message);
    writeMember(out, "hint", error.hint);
    writeMember(out, "pointer", error.pointer);
    out.EndObject();
    out.EndObject();
}

// What became of each item of a batch: an error, or the next of the memories that were stored.
std::string renderBatch(const std::vector<std::optional<Error>>& refused, std::span<const engine::Memory> stored) {
    json::Buffer buffer;
    json::Writer out(buffer);
    out.StartObject();
    out.Key("results");
    out.StartArray();
    size_t next = 0;
    for (const auto& error : refused) {
        if (error) {
            writeItemError(out, *error);
            continue;
        }
        out.StartObject();
        out.Key("memory");
        writeMemory(out, stored[next++]);
        out.EndObject();
    }
    out.EndArray();
    return {buffer.GetString(), buffer.GetSize()};
}

void createBatch(Services& services, const Invocation& call, Done done) {
    static const Schema item_schema(R"({"$ref": "#/definitions/new_memory"})");
    const json::Value& items = *json::find(call.input, "memories");
    if (items.Size() > kMaxBatch)
        return done(Error{"batch_too_large", std::to_string(items.Size()) + " memories in one batch", "", "/memories"});
    std::vector<engine::NewMemory> accepted;
    std::vector<std::optional<Error>> refused(items.Size());
    for (rapidjson::SizeType i = 0; i < items.Size(); ++i) {
        const std::string pointer = "/memories/" + std::to_string(i);
        auto item = [&]() -> Result<engine::NewMemory> {
            if (auto valid = item_schema.check(items[i]); !valid) {
                Error error = valid.error();
                error.pointer = pointer + error.pointer;
                return error;
            }
            auto memory = readNewMemory(items[i], services.now(), pointer);
            if (!memory) return memory.error();
            if (auto valid = engine::validate(*memory); !valid) return valid.error();
            if (auto known = services.workspaces.ensure(call.caller.tenant_id, memory->workspace); !known)
                return known.error();
            return memory;
        }();
        if (item) accepted.push_back(std::move(*item));
        else refused[i] = item.error();
    }
    Usage usage{accepted.empty() ? std::string() : accepted.front().workspace, accepted.size(), 0, 0};
    auto render = [refused = std::move(refused)](std::span<const engine::Memory> stored) {
        return renderBatch(refused, stored);
    };
    if (accepted.empty()) return done(Answer{withLsn(render({}), 0), 0, {}, std::move(usage)});
    services.engine.create(call.caller.tenant_id, std::move(accepted),
                           writeOptions(call, "memory.create_batch", std::move(render)),
                           finish(std::move(done), std::move(usage), 0));
}

engine::ReadOptions readOptions(const Invocation& call) {
    engine::ReadOptions options;
    options.at_least_lsn = numberOr(call.input, "at_least_lsn", 0);
    options.thread = call.thread == Thread::Io ? engine::ReadOptions::Thread::Io : engine::ReadOptions::Thread::Lane;
    return options;
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
    auto nothing = [](std::span<const engine::Memory>) { return std::string("{"); };
    services.engine.remove(call.caller.tenant_id, *id, expectedVersion(call.input),
                           writeOptions(call, "memory.delete", nothing),
                           finish(std::move(done), Usage{{}, 1, 0, 0}, 0));
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

#define ENGRAM_MEMORY_AND_LSN                                                                       \
    R"({"type": "object", "additionalProperties": false, "required": ["memory", "lsn"],)"          \
    R"("properties": {"memory": {"$ref": "#/definitions/memory"}, "lsn": {"$ref": "#/definitions/lsn"}}})"

constexpr Operation kOperations[] = {
    {"memory.create", "Store one memory", "memory:write", Lane::Cpu, Effect::Writes, Repeat::NotIdempotent,
     R"({"$ref": "#/definitions/new_memory"})", ENGRAM_MEMORY_AND_LSN, &create},
    {"memory.create_batch", "Store up to 1,000 memories; each gets a result of its own", "memory:write", Lane::Cpu,
     Effect::Writes, Repeat::NotIdempotent,
     R"({"type": "object", "additionalProperties": false, "required": ["memories"],
         "properties": {"memories": {"type": "array", "minItems": 1, "items": {"type": "object"}, "description": "Objects as for memory.create"}}})",
     R"({"type": "object", "additionalProperties": false, "required": ["results", "lsn"],
         "properties": {"lsn": {"$ref": "#/definitions/lsn"},
           "results": {"type": "array", "items": {"type": "object", "additionalProperties": false,
             "properties": {"memory": {"$ref": "#/definitions/memory"},
               "error": {"type": "object", "required": ["code", "detail", "hint", "pointer"],
                 "properties": {"code": {"type": "string"}, "detail": {"type": "string"}, "hint": {"type": "string"},
                                "pointer": {"type": "string"}}}}}}}})",
     &createBatch},
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
           "content": {"type": "string", "minLength": 1}, "type": {"type": "string", "minLength": 1, "maxLength": 64},
           "tags": {"anyOf": [{"$ref": "#/definitions/tags"}, {"type": "null"}]},
           "metadata": {"type": ["object", "null"]},
           "importance": {"type": "number", "minimum": 0, "maximum": 1},
           "occurred_at": {"$ref": "#/definitions/time_or_null"}, "expires_at": {"$ref": "#/definitions/time_or_null"},
           "ttl_seconds": {"type": "integer", "minimum": 1, "maximum": 3153600000}}})",
     ENGRAM_MEMORY_AND_LSN, &update},
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
     ENGRAM_MEMORY_AND_LSN, &undelete},
    {"memory.revert", "Make an earlier version the newest again", "memory:write", Lane::Cpu, Effect::Writes,
     Repeat::Idempotent,
     R"({"type": "object", "additionalProperties": false, "required": ["id", "version"],
         "properties": {"id": {"type": "string"}, "version": {"type": "integer", "minimum": 1},
                        "expected_version": {"type": "integer", "minimum": 1}}})",
     ENGRAM_MEMORY_AND_LSN, &revert},
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
           "order": {"type": "string", "enum": ["created", "updated", "occurred", "importance"]},
           "direction": {"type": "string", "enum": ["asc", "desc"]},
           "limit": {"type": "integer", "minimum": 1, "maximum": 1000}, "cursor": {"type": "string", "maxLength": 4096},
           "at_least_lsn": {"$ref": "#/definitions/lsn"}}})",
     R"({"type": "object", "additionalProperties": false, "required": ["memories", "next_cursor"],
         "properties": {"memories": {"type": "array", "items": {"$ref": "#/definitions/memory"}},
                        "next_cursor": {"type": ["string", "null"]}}})",
     &list},
};

}  // namespace

std::span<const Operation> memoryOperations() { return kOperations; }

}  // namespace engram::operations
