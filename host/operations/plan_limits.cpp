#include "operations/plan_limits.hpp"

#include "operations/control_plane.hpp"
#include "operations/memory_json.hpp"
#include "operations/workspaces.hpp"

namespace engram::operations {
namespace {

struct LimitWriter {
    json::Writer& out;
    const engine::TenantStats& stats;
    uint64_t workspaces;

    std::optional<uint64_t> stored(std::string_view unit) const {
        if (unit == "memories") return stats.memories;
        if (unit == "identities") return stats.identities;
        if (unit == "sessions") return stats.sessions;
        if (unit == "storage_bytes") return stats.content_bytes;
        if (unit == "workspaces") return workspaces;
        return std::nullopt;
    }

    void number(const char* name, std::optional<uint64_t> value) {
        out.Key(name);
        if (value) out.Uint64(*value);
        else out.Null();
    }

    static engram_status limit(void* ctx, const engram_plan_limit* limit) {
        auto& self = *static_cast<LimitWriter*>(ctx);
        self.out.StartObject();
        writeMember(self.out, "unit", view(limit->unit));
        self.number("limit", limit->max == UINT64_MAX ? std::nullopt : std::optional<uint64_t>(limit->max));
        self.number("used", limit->counted ? limit->used : self.stored(view(limit->unit)));
        self.number("reset", limit->counted ? std::optional<uint64_t>((limit->reset_ms + 999) / 1000) : std::nullopt);
        self.out.EndObject();
        return ENGRAM_OK;
    }
};

}  // namespace

Result<std::string> planLimitsJson(Services& services, const Caller& caller) {
    auto stats = services.engine.stats(caller.tenant_id, {});
    if (!stats) return stats.error();
    auto workspaces = services.workspaces.list(caller.tenant_id);
    if (!workspaces) return workspaces.error();
    json::Buffer buffer;
    json::Writer out(buffer);
    out.StartArray();
    LimitWriter writer{out, *stats, workspaces->size()};
    const engram_plan_limits sink = {sizeof sink, 0, &writer, &LimitWriter::limit};
    for (const auto& quota : services.quota) {
        if (!ENGRAM_HAS(engram_quota_v1, quota.table, limits) || !quota.table->limits) continue;
        ArenaCall arena;
        arena.setTenant(caller.tenant_id);
        const engram_status status = quota.table->limits(quota.self, arena, borrow(caller.plan), &sink);
        if (status != ENGRAM_OK) return controlPlaneError(status, arena, "the plan's limits");
    }
    out.EndArray();
    return std::string(buffer.GetString(), buffer.GetSize());
}

}  // namespace engram::operations
