#include "operations/control_plane.hpp"
#include "operations/domains.hpp"
#include "operations/memory_json.hpp"
#include "operations/plan_limits.hpp"
#include "operations/services.hpp"

#include "engine/time.hpp"

#include <map>

namespace engram::operations {
namespace {

constexpr int64_t kDay = 24 * 3600 * 1000;

void showTenant(Services& services, const Invocation& call, Done done) {
    ArenaCall arena;
    arena.setTenant(call.caller.tenant_id);
    engram_doc doc{};
    doc.size = sizeof doc;
    const engram_status status =
        services.tenancy.table->resolve(services.tenancy.self, arena, borrow(call.caller.tenant_id), &doc);
    if (status != ENGRAM_OK) return done(controlPlaneError(status, arena, "tenant"));
    auto document = json::parse(view(doc.json));
    if (!document) return done(document.error());
    auto stats = services.engine.stats(call.caller.tenant_id, {});
    if (!stats) return done(stats.error());
    json::Buffer buffer;
    json::Writer out(buffer);
    out.StartObject();
    out.Key("tenant");
    out.StartObject();
    for (const char* name : {"id", "slug", "name", "status", "plan", "created_at"})
        writeMember(out, name, textOr(*document, name, ""));
    out.Key("memories");
    out.Uint64(stats->memories);
    out.Key("bytes_on_disk");
    out.Uint64(stats->bytes_on_disk);
    out.Key("lsn");
    out.Uint64(stats->lsn);
    out.EndObject();
    out.EndObject();
    done(Answer{{buffer.GetString(), buffer.GetSize()}, doc.version, {}, {}});
}

struct UsageWriter {
    json::Writer& out;
    std::map<std::string, uint64_t> totals;
    uint64_t requests = 0, errors = 0;

    static engram_status row(void* ctx, const engram_usage_row* row) {
        auto& self = *static_cast<UsageWriter*>(ctx);
        self.out.StartObject();
        writeMember(self.out, "day", view(row->day));
        writeMember(self.out, "workspace", view(row->workspace));
        writeMember(self.out, "operation", view(row->route));
        self.out.Key("requests");
        self.out.Uint64(row->requests);
        self.out.Key("errors");
        self.out.Uint64(row->errors);
        self.out.Key("counters");
        self.out.StartObject();
        for (size_t i = 0; i < row->n_counters; ++i) {
            const std::string unit(view(row->counters[i].unit));
            self.out.Key(unit.data(), static_cast<rapidjson::SizeType>(unit.size()));
            self.out.Uint64(row->counters[i].n);
            self.totals[unit] += row->counters[i].n;
        }
        self.out.EndObject();
        self.out.EndObject();
        self.requests += row->requests;
        self.errors += row->errors;
        return ENGRAM_OK;
    }
};

void writeTotals(json::Writer& out, const UsageWriter& usage) {
    out.Key("totals");
    out.StartObject();
    out.Key("requests");
    out.Uint64(usage.requests);
    out.Key("errors");
    out.Uint64(usage.errors);
    out.Key("counters");
    out.StartObject();
    for (const auto& [unit, n] : usage.totals) {
        out.Key(unit.data(), static_cast<rapidjson::SizeType>(unit.size()));
        out.Uint64(n);
    }
    out.EndObject();
    out.EndObject();
}

void queryUsage(Services& services, const Invocation& call, Done done) {
    auto from = readTime(call.input, "from", "");
    if (!from) return done(from.error());
    auto until = readTime(call.input, "until", "");
    if (!until) return done(until.error());
    const int64_t now = services.now();
    engram_usage_query query{};
    query.size = sizeof query;
    query.tenant = borrow(call.caller.tenant_id);
    query.until = *until && **until ? ***until : now + 1;
    query.from = *from && **from ? ***from : query.until - 30 * kDay;
    services.flush_usage();
    for (const auto& metering : services.metering) {
        if (!ENGRAM_HAS(engram_metering_v1, metering.table, query) || !metering.table->query) continue;
        ArenaCall arena(0, 8u << 20);
        arena.setTenant(call.caller.tenant_id);
        json::Buffer buffer;
        json::Writer out(buffer);
        out.StartObject();
        out.Key("usage");
        out.StartArray();
        UsageWriter writer{out, {}};
        const engram_usage_rows rows = {sizeof rows, 0, &writer, &UsageWriter::row};
        const engram_status status = metering.table->query(metering.self, arena, &query, &rows);
        if (status != ENGRAM_OK) return done(controlPlaneError(status, arena, "usage"));
        out.EndArray();
        writeTotals(out, writer);
        auto limits = planLimitsJson(services, call.caller);
        if (!limits) return done(limits.error());
        writeMember(out, "plan", call.caller.plan);
        out.Key("limits");
        out.RawValue(limits->data(), limits->size(), rapidjson::kArrayType);
        out.EndObject();
        return done(Answer{{buffer.GetString(), buffer.GetSize()}, 0, {}, {}});
    }
    done(Error{"not_implemented", "no metering plugin of this server answers queries",
               "add metering-sqlite to the configuration", ""});
}

constexpr Operation kOperations[] = {
    {"tenant.show", "The tenant of the credential", "tenant:read", Lane::Blocking, Effect::Reads, Repeat::Idempotent,
     R"({"type": "object", "additionalProperties": false})",
     R"({"type": "object", "additionalProperties": false, "required": ["tenant"],
         "properties": {"tenant": {"type": "object", "additionalProperties": false,
           "required": ["id", "slug", "name", "status", "plan", "created_at", "memories", "bytes_on_disk", "lsn"],
           "properties": {"id": {"$ref": "#/definitions/uuid"}, "slug": {"type": "string"}, "name": {"type": "string"},
             "status": {"type": "string"}, "plan": {"type": "string"}, "created_at": {"$ref": "#/definitions/time"},
             "memories": {"type": "integer"}, "bytes_on_disk": {"type": "integer"},
             "lsn": {"$ref": "#/definitions/lsn"}}}}})",
     &showTenant},
    {"usage.query", "What the tenant used, by day, workspace and operation, and what its plan allows", "usage:read", Lane::Blocking,
     Effect::Reads, Repeat::Idempotent,
     R"({"type": "object", "additionalProperties": false,
         "properties": {"from": {"$ref": "#/definitions/time"}, "until": {"$ref": "#/definitions/time"}}})",
     R"({"type": "object", "additionalProperties": false, "required": ["usage", "totals", "plan", "limits"],
         "properties": {"totals": {"type": "object"}, "plan": {"type": "string"},
           "limits": {"type": "array", "items": {"$ref": "#/definitions/limit"}},
           "usage": {"type": "array", "items": {"type": "object", "additionalProperties": false,
             "required": ["day", "workspace", "operation", "requests", "errors", "counters"],
             "properties": {"day": {"type": "string"}, "workspace": {"type": "string"}, "operation": {"type": "string"},
               "requests": {"type": "integer"}, "errors": {"type": "integer"}, "counters": {"type": "object"}}}}}})",
     &queryUsage},
};

}  // namespace

std::span<const Operation> accountOperations() { return kOperations; }

}  // namespace engram::operations
