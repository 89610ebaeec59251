#include "operations/domains.hpp"
#include "operations/memory_json.hpp"
#include "operations/services.hpp"
#include "operations/workspaces.hpp"

#include <algorithm>

namespace engram::operations {
namespace {

void writeWorkspace(json::Writer& out, const Workspaces::Entry& entry, uint64_t memories) {
    out.StartObject();
    writeMember(out, "name", entry.name);
    out.Key("memories");
    out.Uint64(memories);
    writeMember(out, "created_at", entry.created_at);
    out.EndObject();
}

uint64_t countOf(const engine::TenantStats& stats, const std::string& workspace) {
    auto it = stats.workspaces.find(workspace);
    return it == stats.workspaces.end() ? 0 : it->second;
}

void list(Services& services, const Invocation& call, Done done) {
    auto entries = services.workspaces.list(call.caller.tenant_id);
    if (!entries) return done(entries.error());
    auto stats = services.engine.stats(call.caller.tenant_id, {});
    if (!stats) return done(stats.error());
    std::sort(entries->begin(), entries->end(), [](const auto& a, const auto& b) { return a.name < b.name; });
    json::Buffer buffer;
    json::Writer out(buffer);
    out.StartObject();
    out.Key("workspaces");
    out.StartArray();
    for (const auto& entry : *entries) writeWorkspace(out, entry, countOf(*stats, entry.name));
    out.EndArray();
    out.EndObject();
    done(Answer{{buffer.GetString(), buffer.GetSize()}, 0, {}, {}});
}

void create(Services& services, const Invocation& call, Done done) {
    const std::string name(textOr(call.input, "name", ""));
    if (auto valid = engine::validateWorkspace(name); !valid) return done(valid.error());
    auto entry = services.workspaces.create(call.caller.tenant_id, name, call.caller.limits.workspaces);
    if (!entry) return done(entry.error());
    json::Buffer buffer;
    json::Writer out(buffer);
    out.StartObject();
    out.Key("workspace");
    writeWorkspace(out, *entry, 0);
    out.EndObject();
    done(Answer{{buffer.GetString(), buffer.GetSize()}, 0, name, {name, 0, 0, 0}});
}

void remove(Services& services, const Invocation& call, Done done) {
    const std::string name(textOr(call.input, "name", ""));
    auto entry = services.workspaces.get(call.caller.tenant_id, name);
    if (!entry) return done(entry.error());
    auto stats = services.engine.stats(call.caller.tenant_id, {});
    if (!stats) return done(stats.error());
    const json::Value* force = json::find(call.input, "force");
    const uint64_t memories = countOf(*stats, name);
    if (memories > 0 && !(force && force->IsTrue()))
        return done(Error{"workspace_not_empty",
                          "workspace '" + name + "' has " + std::to_string(memories) + " memories", "", ""});
    auto finish = [&services, tenant = call.caller.tenant_id, entry = *entry, memories,
                   done = std::move(done)](Result<uint64_t> lsn) {
        if (!lsn) return done(lsn.error());
        if (auto removed = services.workspaces.remove(tenant, entry); !removed) return done(removed.error());
        Answer answer{"{\"lsn\":" + std::to_string(*lsn) + "}", 0, {}, {entry.name, 0, 0, 0}};
        answer.audit = {entry.name, "{\"memories\":" + std::to_string(memories) + "}", {}, {}, {}};
        done(std::move(answer));
    };
    services.engine.removeWorkspace(call.caller.tenant_id, name, std::move(finish));
}

constexpr Operation kOperations[] = {
    {"workspace.list", "The tenant's workspaces with their number of memories", "memory:read", Lane::Blocking,
     Effect::Reads, Repeat::Idempotent, R"({"type": "object", "additionalProperties": false})",
     R"({"type": "object", "additionalProperties": false, "required": ["workspaces"],
         "properties": {"workspaces": {"type": "array", "items": {"$ref": "#/definitions/workspace"}}}})",
     &list},
    {"workspace.create", "Make an empty workspace (a first memory makes one too)", "workspace:admin", Lane::Blocking,
     Effect::Writes, Repeat::Idempotent,
     R"({"type": "object", "additionalProperties": false, "required": ["name"],
         "properties": {"name": {"$ref": "#/definitions/workspace_name"}}})",
     R"({"type": "object", "additionalProperties": false, "required": ["workspace"],
         "properties": {"workspace": {"$ref": "#/definitions/workspace"}}})",
     &create},
    {"workspace.delete", "Delete a workspace; with force also the memories in it", "workspace:admin", Lane::Blocking,
     Effect::Destroys, Repeat::Idempotent,
     R"({"type": "object", "additionalProperties": false, "required": ["name"],
         "properties": {"name": {"$ref": "#/definitions/workspace_name"}, "force": {"type": "boolean"}}})",
     R"({"type": "object", "additionalProperties": false, "required": ["lsn"],
         "properties": {"lsn": {"$ref": "#/definitions/lsn"}}})",
     &remove, {"workspace", "name"}},
};

}  // namespace

std::span<const Operation> workspaceOperations() { return kOperations; }

}  // namespace engram::operations
