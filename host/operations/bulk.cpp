// Operations on many memories at once: each item gets a result of its own, or all are done or none.
#include "operations/domains.hpp"
#include "operations/memory_call.hpp"
#include "operations/memory_json.hpp"
#include "operations/schema.hpp"
#include "operations/services.hpp"
#include "operations/workspaces.hpp"

#include <algorithm>

namespace engram::operations {
namespace {

using engine::Items;
using engine::Written;

Items itemsOf(const json::Value& input) {
    const json::Value* atomic = json::find(input, "atomic");
    return atomic && atomic->GetBool() ? Items::Together : Items::Independent;
}

Error tooLarge(rapidjson::SizeType count, const char* pointer) {
    return {"batch_too_large", std::to_string(count) + " items in one batch, at most " + std::to_string(kMaxBatch), "", pointer};
}

std::string withPointer(const std::string& prefix, size_t at, const std::string& rest) {
    return prefix + std::to_string(at) + rest;
}

// A replayed batch whose answer a purge has emptied has nothing left to tell.
engine::WriteDone finishBatch(Done done, Usage usage) {
    return [done = std::move(done), usage = std::move(usage)](Result<engine::Receipt> receipt) mutable {
        if (receipt && receipt->answer.empty())
            return done(Error{"memory_not_found", "this batch was done once, and a memory of it has been purged since",
                              "list the workspace to see what is left", ""});
        finish(std::move(done), std::move(usage))(std::move(receipt));
    };
}

// What became of each item of a new batch: refused before it came to the engine, or the next of what the engine did.
std::string renderCreated(const std::vector<std::optional<Error>>& refused, std::span<const Written> written) {
    json::Buffer buffer;
    json::Writer out(buffer);
    out.StartObject();
    out.Key("results");
    out.StartArray();
    size_t next = 0;
    for (size_t i = 0; i < refused.size(); ++i) {
        out.StartObject();
        const Written* item = refused[i] ? nullptr : &written[next++];
        if (!item || item->outcome == Written::Outcome::Refused) {
            Error error = item ? item->error : *refused[i];
            if (item) error.pointer = withPointer("/memories/", i, error.pointer);
            writeMember(out, "outcome", "refused");
            writeError(out, error);
        } else {
            writeMember(out, "outcome", outcomeName(item->outcome));
            out.Key("memory");
            writeMemory(out, item->memory);
        }
        out.EndObject();
    }
    out.EndArray();
    return {buffer.GetString(), buffer.GetSize()};
}

Result<engine::NewMemory> readItem(Services& services, const Invocation& call, const json::Value& item,
                                   const std::string& pointer) {
    static const Schema schema(R"({"$ref": "#/definitions/new_memory"})");
    const auto at = [&](Error error) {
        error.pointer = pointer + error.pointer;
        return error;
    };
    if (auto valid = schema.check(item); !valid) return at(valid.error());
    auto memory = readNewMemory(item, services.now(), pointer);
    if (!memory) return memory.error();
    if (auto valid = engine::validate(*memory); !valid) return at(valid.error());
    auto known = services.workspaces.ensure(call.caller.tenant_id, memory->workspace, call.caller.limits.workspaces);
    if (!known) return known.error();
    return memory;
}

void createBatch(Services& services, const Invocation& call, Done done) {
    const json::Value& given = *json::find(call.input, "memories");
    if (given.Size() > kMaxBatch) return done(tooLarge(given.Size(), "/memories"));
    const Items items = itemsOf(call.input);
    std::vector<engine::NewMemory> accepted;
    std::vector<std::optional<Error>> refused(given.Size());
    for (rapidjson::SizeType i = 0; i < given.Size(); ++i) {
        auto item = readItem(services, call, given[i], "/memories/" + std::to_string(i));
        if (item) accepted.push_back(std::move(*item));
        else if (items == Items::Together) return done(item.error());
        else refused[i] = item.error();
    }
    Usage usage{accepted.empty() ? std::string() : accepted.front().workspace, accepted.size(), 0, 0};
    if (accepted.empty()) return done(Answer{withLsn(renderCreated(refused, {}), 0), 0, {}, std::move(usage)});
    const bool plain = std::all_of(accepted.begin(), accepted.end(), [](const engine::NewMemory& memory) {
        return memory.on_duplicate == engine::OnDuplicate::Allow;
    });
    auto finished = finishBatch(std::move(done), std::move(usage));
    if (!plain) {
        auto render = [refused = std::move(refused)](std::span<const Written> written) { return renderCreated(refused, written); };
        return services.engine.createOnce(call.caller.tenant_id, std::move(accepted), items,
                                          writeOptions(call, "memory.create_batch", nullptr), std::move(render),
                                          std::move(finished));
    }
    auto render = [refused = std::move(refused)](std::span<const engine::Memory> stored) {
        std::vector<Written> written;
        for (const engine::Memory& memory : stored) written.push_back({memory, Written::Outcome::Created, {}});
        return renderCreated(refused, written);
    };
    services.engine.create(call.caller.tenant_id, std::move(accepted),
                           writeOptions(call, "memory.create_batch", std::move(render)), std::move(finished));
}

// By id, with the version that it has now.
std::string renderChanged(std::span<const Written> written) {
    json::Buffer buffer;
    json::Writer out(buffer);
    out.StartObject();
    out.Key("results");
    out.StartArray();
    for (size_t i = 0; i < written.size(); ++i) {
        const Written& item = written[i];
        out.StartObject();
        writeMember(out, "id", item.memory.id.text());
        writeMember(out, "outcome", outcomeName(item.outcome));
        if (item.outcome == Written::Outcome::Refused) {
            Error error = item.error;
            error.pointer = withPointer("/ids/", i, "");
            writeError(out, error);
        } else {
            out.Key("version");
            out.Uint64(item.memory.version);
        }
        out.EndObject();
    }
    out.EndArray();
    return {buffer.GetString(), buffer.GetSize()};
}

// All of them, each once.
Result<std::vector<engine::Uuid>> readIds(const json::Value& given) {
    std::vector<engine::Uuid> ids;
    for (rapidjson::SizeType i = 0; i < given.Size(); ++i) {
        const auto id = engine::Uuid::parse(json::view(given[i]));
        if (!id)
            return Error{"invalid_value", "'" + std::string(json::view(given[i])).substr(0, 64) + "' is not the id of a memory",
                         "send ids as answers give them", "/ids/" + std::to_string(i)};
        ids.push_back(*id);
    }
    return ids;
}

void merge(Services& services, const Invocation& call, Done done) {
    if (!call.caller.may("memory:write"))
        return done(Error{"permission_denied", "a merge changes the memory that it keeps: the scope memory:write is needed too", "", ""});
    auto ids = readIds(*json::find(call.input, "ids"));
    if (!ids) return done(ids.error());
    for (size_t i = 1; i < ids->size(); ++i)
        if (std::find(ids->begin(), ids->begin() + static_cast<std::ptrdiff_t>(i), (*ids)[i]) != ids->begin() + static_cast<std::ptrdiff_t>(i))
            return done(Error{"invalid_value", "memory " + (*ids)[i].text() + " is named twice", "", "/ids/" + std::to_string(i)});
    engine::Merge request{std::move(*ids), {}};
    if (auto* content = json::find(call.input, "content")) request.content = std::string(json::view(*content));
    Usage usage{{}, request.ids.size(), 0, 0};
    services.engine.merge(call.caller.tenant_id, std::move(request), writeOptions(call, "memory.merge", &renderMemory),
                          finishFromAnswer(std::move(done), std::move(usage)));
}

void change(Services& services, const Invocation& call, std::string_view operation, engine::BulkChange bulk, Done done) {
    const json::Value& given = *json::find(call.input, "ids");
    if (given.Size() > kMaxBatch) return done(tooLarge(given.Size(), "/ids"));
    auto ids = readIds(given);
    if (!ids) return done(ids.error());
    Usage usage{{}, ids->size(), 0, 0};
    services.engine.changeMany(call.caller.tenant_id, std::move(*ids), std::move(bulk), itemsOf(call.input),
                               writeOptions(call, operation, nullptr), &renderChanged,
                               finishBatch(std::move(done), std::move(usage)));
}

void deleteBatch(Services& services, const Invocation& call, Done done) {
    change(services, call, "memory.delete_batch", {}, std::move(done));
}

void tagBatch(Services& services, const Invocation& call, Done done) {
    engine::BulkChange bulk;
    bulk.kind = engine::BulkChange::Kind::Tags;
    bulk.add_tags = readTexts(call.input, "add");
    bulk.remove_tags = readTexts(call.input, "remove");
    if (bulk.add_tags.empty() && bulk.remove_tags.empty())
        return done(Error{"invalid_request", "no tag to add or to remove", "send add, remove or both", ""});
    change(services, call, "memory.tag_batch", std::move(bulk), std::move(done));
}

constexpr Operation kOperations[] = {
    {"memory.create_batch", "Store up to 1,000 memories; each gets a result of its own", "memory:write", Lane::Cpu,
     Effect::Writes, Repeat::NotIdempotent,
     R"({"type": "object", "additionalProperties": false, "required": ["memories"],
         "properties": {"atomic": {"$ref": "#/definitions/atomic"},
           "memories": {"type": "array", "minItems": 1, "items": {"type": "object"}, "description": "Objects as for memory.create"}}})",
     R"({"type": "object", "additionalProperties": false, "required": ["results", "lsn"],
         "properties": {"lsn": {"$ref": "#/definitions/lsn"},
           "results": {"type": "array", "items": {"type": "object", "additionalProperties": false, "required": ["outcome"],
             "properties": {"outcome": {"type": "string", "enum": ["created", "merged", "skipped", "refused"]},
               "memory": {"$ref": "#/definitions/memory"}, "error": {"$ref": "#/definitions/item_error"}}}}}})",
     &createBatch},
    {"memory.delete_batch", "Delete up to 1,000 memories by id; each can be undeleted", "memory:delete", Lane::Cpu,
     Effect::Destroys, Repeat::Idempotent,
     R"({"type": "object", "additionalProperties": false, "required": ["ids"],
         "properties": {"ids": {"$ref": "#/definitions/ids"}, "atomic": {"$ref": "#/definitions/atomic"}}})",
     R"({"$ref": "#/definitions/changed_batch"})", &deleteBatch},
    {"memory.tag_batch", "Add tags to up to 1,000 memories, or take some away", "memory:write", Lane::Cpu, Effect::Writes,
     Repeat::Idempotent,
     R"({"type": "object", "additionalProperties": false, "required": ["ids"],
         "properties": {"ids": {"$ref": "#/definitions/ids"}, "add": {"$ref": "#/definitions/tags"},
                        "remove": {"$ref": "#/definitions/tags"}, "atomic": {"$ref": "#/definitions/atomic"}}})",
     R"({"$ref": "#/definitions/changed_batch"})", &tagBatch},
    {"memory.merge", "Make one memory of up to 100: the first is kept, with what the others add; they are deleted and named in "
     "its metadata", "memory:delete", Lane::Cpu, Effect::Destroys, Repeat::NotIdempotent,
     R"({"type": "object", "additionalProperties": false, "required": ["ids"],
         "properties": {"ids": {"type": "array", "minItems": 2, "maxItems": 100, "items": {"type": "string"},
             "description": "Of one workspace; the first is kept"},
           "content": {"type": "string", "minLength": 1, "description": "Of the one that is kept; its own if not given"}}})",
     R"({"$ref": "#/definitions/written_memory"})", &merge},
};

}  // namespace

std::span<const Operation> bulkOperations() { return kOperations; }

}  // namespace engram::operations
