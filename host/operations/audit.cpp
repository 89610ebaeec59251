// What happened to the control plane, as the audit plugin kept it.
#include "operations/control_plane.hpp"
#include "operations/domains.hpp"
#include "operations/memory_json.hpp"
#include "operations/services.hpp"

#include "engine/uuid.hpp"

namespace engram::operations {
namespace {

constexpr size_t kBudget = 16u << 20;

struct EventWriter {
    json::Writer& out;

    static engram_status entry(void* ctx, const engram_event* event) {
        json::Writer& out = static_cast<EventWriter*>(ctx)->out;
        out.StartObject();
        writeMember(out, "id", engine::Uuid::from(event->id).text());
        writeTime(out, "at", event->occurred_at);
        writeMember(out, "operation", view(event->route));
        writeMember(out, "subject", view(event->subject));
        out.Key("status");
        out.Uint(event->status_code);
        out.Key("details");
        const std::string_view details = event->json.len ? view(event->json) : "{}";
        out.RawValue(details.data(), details.size(), rapidjson::kObjectType);
        out.EndObject();
        return ENGRAM_OK;
    }
};

Error nobodyAnswers() {
    return {"not_implemented", "no audit plugin of this server answers queries", "add audit-log to the configuration", ""};
}

Result<engram_time> timeIn(const json::Value& input, std::string_view name) {
    auto time = readTime(input, name, "");
    if (!time) return time.error();
    return *time && **time ? ***time : engram_time(ENGRAM_TIME_NONE);
}

void query(Services& services, const Invocation& call, Done done) {
    auto from = timeIn(call.input, "from"), until = timeIn(call.input, "until");
    if (!from) return done(from.error());
    if (!until) return done(until.error());
    services.flush_usage();
    for (const auto& audit : services.audit) {
        if (!ENGRAM_HAS(engram_audit_v1, audit.table, query) || !audit.table->query) continue;
        engram_audit_query abi{};
        abi.size = sizeof abi;
        abi.server_events = call.caller.may(kOperator) ? 1 : 0;
        abi.tenant = borrow(call.caller.tenant_id);
        abi.from = *from;
        abi.until = *until;
        abi.operation = borrow(textOr(call.input, "operation", ""));
        abi.subject = borrow(textOr(call.input, "subject", ""));
        abi.limit = static_cast<uint32_t>(numberOr(call.input, "limit", 50));
        abi.cursor = borrow(textOr(call.input, "cursor", ""));
        json::Buffer buffer;
        json::Writer out(buffer);
        out.StartObject();
        out.Key("events");
        out.StartArray();
        EventWriter writer{out};
        const engram_audit_entries entries = {sizeof entries, 0, &writer, &EventWriter::entry};
        ArenaCall arena(0, kBudget);
        arena.setTenant(call.caller.tenant_id);
        engram_str next{};
        const engram_status status = audit.table->query(audit.self, arena, &abi, &entries, &next);
        if (status == ENGRAM_INVALID_ARGUMENT && abi.cursor.len > 0)
            return done(Error{"invalid_cursor", "the cursor is damaged or too old", "", "/cursor"});
        if (status != ENGRAM_OK) return done(controlPlaneError(status, arena, "the audit log"));
        out.EndArray();
        out.Key("next_cursor");
        if (next.len == 0) out.Null();
        else writeText(out, view(next));
        out.EndObject();
        return done(Answer{{buffer.GetString(), buffer.GetSize()}, 0, {}, {}});
    }
    done(nobodyAnswers());
}

void verify(Services& services, const Invocation&, Done done) {
    services.flush_usage();
    for (const auto& audit : services.audit) {
        if (!ENGRAM_HAS(engram_audit_v1, audit.table, verify) || !audit.table->verify) continue;
        engram_audit_verdict verdict{};
        verdict.size = sizeof verdict;
        ArenaCall arena;
        const engram_status status = audit.table->verify(audit.self, arena, &verdict);
        if (status != ENGRAM_OK) return done(controlPlaneError(status, arena, "the audit log"));
        json::Buffer buffer;
        json::Writer out(buffer);
        out.StartObject();
        out.Key("intact");
        out.Bool(verdict.problem.len == 0);
        out.Key("problem");
        if (verdict.problem.len == 0) out.Null();
        else writeText(out, view(verdict.problem));
        for (const auto& [name, n] : {std::pair{"entries", verdict.entries}, {"first", verdict.first}, {"last", verdict.last}}) {
            out.Key(name);
            out.Uint64(n);
        }
        writeMember(out, "head", view(verdict.head));
        out.EndObject();
        return done(Answer{{buffer.GetString(), buffer.GetSize()}, 0, {}, {}});
    }
    done(nobodyAnswers());
}

constexpr Operation kOperations[] = {
    {"audit.query", "Changes of keys, members, invites, workspaces and the tenant, and refused attempts, newest first",
     "audit:read", Lane::Blocking, Effect::Reads, Repeat::Idempotent,
     R"({"type": "object", "additionalProperties": false,
         "properties": {"from": {"$ref": "#/definitions/time"}, "until": {"$ref": "#/definitions/time"},
           "operation": {"type": "string", "maxLength": 64}, "subject": {"type": "string", "maxLength": 300},
           "limit": {"type": "integer", "minimum": 1, "maximum": 1000, "description": "50 if not given"},
           "cursor": {"type": "string", "maxLength": 64}}})",
     R"({"type": "object", "additionalProperties": false, "required": ["events", "next_cursor"],
         "properties": {"events": {"type": "array", "items": {"$ref": "#/definitions/audit_event"}},
           "next_cursor": {"type": ["string", "null"], "description": "A page may be short of the limit; null at the end"}}})",
     &query},
    {"audit.verify", "Check that nothing in the server's audit log was changed, removed or put in", "operator", Lane::Blocking,
     Effect::Reads, Repeat::Idempotent, R"({"type": "object", "additionalProperties": false})",
     R"({"type": "object", "additionalProperties": false, "required": ["intact", "problem", "entries", "first", "last", "head"],
         "properties": {"intact": {"type": "boolean"}, "problem": {"type": ["string", "null"]}, "entries": {"type": "integer"},
           "first": {"type": "integer"}, "last": {"type": "integer"},
           "head": {"type": "string", "description": "Hash of the newest entry: kept elsewhere, it proves the log up to there"}}})",
     &verify},
};

}  // namespace

std::span<const Operation> auditOperations() { return kOperations; }

}  // namespace engram::operations
