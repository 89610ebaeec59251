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

Result<void> Workspaces::ensure(const std::string& tenant, const std::string& name, Max max) {
    {
        std::lock_guard lock(mutex_);
        if (known_.contains(known(tenant, name))) return {};
    }
    auto made = create(tenant, name, max);
    if (!made && made.error().code != "already_exists") return made.error();
    std::lock_guard lock(mutex_);
    if (known_.size() >= kMaxKnown) known_.clear();
    known_.insert(known(tenant, name));
    return {};
}

Error Workspaces::limitReached(const std::string& tenant, const std::string& name, uint64_t max) {
    Error error{"plan_limit", "workspace '" + name + "' is not there and the plan allows " + std::to_string(max) + " workspaces",
                "delete a workspace, write to one that is there, or choose a larger plan", ""};
    auto entries = list(tenant);
    error.counted = Error::Counted{max, entries ? entries->size() : max};
    return error;
}

Result<Workspaces::Entry> Workspaces::create(const std::string& tenant, const std::string& name, Max max) {
    // The limit is for new ones: whoever names one that is there is told so.
    if (auto there = get(tenant, name); there) return Error{"already_exists", "workspace '" + name + "' exists already", "", ""};
    else if (there.error().code != "workspace_not_found") return there.error();
    if (max && *max == 0) return limitReached(tenant, name, 0);
    const std::string id = new_id_();
    auto made = applyDocuments(
        table_, self_, {{ENGRAM_DOC_WORKSPACE, tenant, id, document(tenant, id, name), 0, max.value_or(0)}}, "workspace '" + name + "'");
    if (!made && made.error().code == "too_many" && max) return limitReached(tenant, name, *max);
    if (!made) return made.error();
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
