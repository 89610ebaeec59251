#include "operations/workspaces.hpp"

#include "operations/control_plane.hpp"
#include "operations/memory_json.hpp"

namespace engram::operations {
namespace {

std::string known(const std::string& tenant, const std::string& name) { return tenant + "/" + name; }

Workspaces::Entry entryOf(const engram_doc& doc, const json::Value& value) {
    return {std::string(view(doc.id)), std::string(textOr(value, "name", "")),
            std::string(textOr(value, "created_at", "")), doc.version};
}

std::string document(const std::string& tenant, const std::string& id, const std::string& name) {
    json::Buffer buffer;
    json::Writer out(buffer);
    out.StartObject();
    writeMember(out, "id", id);
    writeMember(out, "tenant_id", tenant);
    writeMember(out, "name", name);
    out.EndObject();
    return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace

Result<void> Workspaces::ensure(const std::string& tenant, const std::string& name) {
    {
        std::lock_guard lock(mutex_);
        if (known_.contains(known(tenant, name))) return {};
    }
    auto made = create(tenant, name);
    if (!made && made.error().code != "already_exists") return made.error();
    std::lock_guard lock(mutex_);
    if (known_.size() >= kMaxKnown) known_.clear();
    known_.insert(known(tenant, name));
    return {};
}

Result<Workspaces::Entry> Workspaces::create(const std::string& tenant, const std::string& name) {
    const std::string id = new_id_();
    const std::string text = document(tenant, id, name);
    engram_doc_change change{};
    change.size = sizeof change;
    change.kind = ENGRAM_DOC_WORKSPACE;
    change.tenant = borrow(tenant);
    change.id = borrow(id);
    change.json = borrow(text);
    change.expected = 0;
    ArenaCall call;
    call.setTenant(tenant);
    uint64_t epoch = 0;
    const engram_status status = table_->apply(self_, call, &change, 1, &epoch);
    if (status != ENGRAM_OK) return controlPlaneError(status, call, "workspace '" + name + "'");
    return get(tenant, name);
}

Result<std::vector<Workspaces::Entry>> Workspaces::list(const std::string& tenant) {
    std::vector<Entry> entries;
    auto listed = eachDocument(table_, self_, ENGRAM_DOC_WORKSPACE, tenant,
                               [&](const engram_doc& doc, const json::Value& value) {
                                   entries.push_back(entryOf(doc, value));
                               });
    if (!listed) return listed.error();
    return entries;
}

Result<Workspaces::Entry> Workspaces::get(const std::string& tenant, const std::string& name) {
    ArenaCall call;
    call.setTenant(tenant);
    engram_doc doc{};
    doc.size = sizeof doc;
    const engram_status status =
        table_->get(self_, call, ENGRAM_DOC_WORKSPACE, borrow(tenant), borrow(name), 1, &doc);
    if (status == ENGRAM_NOT_FOUND) return Error{"workspace_not_found", "no workspace '" + name + "'", "", ""};
    if (status != ENGRAM_OK) return controlPlaneError(status, call, "workspace '" + name + "'");
    auto value = json::parse(view(doc.json));
    if (!value) return value.error();
    return entryOf(doc, *value);
}

Result<void> Workspaces::remove(const std::string& tenant, const Entry& entry) {
    engram_doc_change change{};
    change.size = sizeof change;
    change.kind = ENGRAM_DOC_WORKSPACE;
    change.tenant = borrow(tenant);
    change.id = borrow(entry.id);
    change.expected = entry.version;
    ArenaCall call;
    call.setTenant(tenant);
    uint64_t epoch = 0;
    const engram_status status = table_->apply(self_, call, &change, 1, &epoch);
    if (status != ENGRAM_OK) return controlPlaneError(status, call, "workspace '" + entry.name + "'");
    std::lock_guard lock(mutex_);
    known_.erase(known(tenant, entry.name));
    return {};
}

}  // namespace engram::operations
