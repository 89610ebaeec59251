// What the operator of the server asks: its health.
#include "operations/control_plane.hpp"
#include "operations/domains.hpp"
#include "operations/services.hpp"

#include "health/report.hpp"

#include <chrono>

namespace engram::operations {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kPatience{45};  // clients wait a minute for an answer
constexpr size_t kMaxUnsound = 100;

// Reads through every tenant's store. Stops when the time is over: integrity_unknown then says how far it came.
Result<void> checkTenants(Services& services, Clock::time_point deadline, health::Findings& out) {
    std::vector<std::string> ids;
    auto listed = eachDocument(services.tenancy.table, services.tenancy.self, ENGRAM_DOC_TENANT, "",
                               [&](const engram_doc& doc, const json::Value&) { ids.emplace_back(view(doc.id)); });
    if (!listed) return listed.error();
    size_t checked = 0, unsound = 0;
    for (const std::string& id : ids) {
        if (Clock::now() > deadline || unsound >= kMaxUnsound) break;
        ++checked;
        auto sound = services.engine.check(id);
        if (sound) continue;
        if (sound.error().code == "not_implemented") {
            out.push_back(health::finding("integrity_unknown", sound.error().message));
            return {};
        }
        ++unsound;
        // A store that does not answer is not damaged for that.
        const char* code = sound.error().code == "tenant_damaged" ? "tenant_damaged" : "integrity_unknown";
        const std::string& why = sound.error().cause.empty() ? sound.error().message : sound.error().cause;
        out.push_back(health::finding(code, "tenant " + id + ": " + why));
    }
    if (checked < ids.size())
        out.push_back(health::finding("integrity_unknown", std::to_string(checked) + " of " + std::to_string(ids.size()) +
                                                               " tenants were checked"));
    return {};
}

void showHealth(Services& services, const Invocation& call, Done done) {
    const json::Value* integrity = json::find(call.input, "integrity");
    const bool thorough = integrity && integrity->IsTrue();
    const auto deadline = Clock::now() + kPatience;
    health::Findings findings = services.health->run(thorough ? loader::Depth::Thorough : loader::Depth::Quick);
    if (thorough)
        if (auto checked = checkTenants(services, deadline, findings); !checked) return done(checked.error());
    health::sortFindings(findings);
    done(Answer{health::write({ENGRAM_VERSION, std::move(findings)}), 0, {}, {}});
}

constexpr Operation kOperations[] = {
    {"admin.health", "What is wrong with the server, with the fix for each", "operator", Lane::Blocking, Effect::Reads,
     Repeat::Idempotent,
     R"({"type": "object", "additionalProperties": false, "properties": {"integrity": {"type": "boolean"}}})",
     R"({"type": "object", "additionalProperties": false, "required": ["status", "version", "findings"],
         "properties": {"status": {"type": "string", "enum": ["ok", "warning", "error"]}, "version": {"type": "string"},
           "findings": {"type": "array", "items": {"type": "object", "additionalProperties": false,
             "required": ["code", "severity", "title", "evidence", "fix"],
             "properties": {"code": {"type": "string"}, "severity": {"type": "string", "enum": ["info", "warning", "error"]},
               "title": {"type": "string"}, "evidence": {"type": "string"}, "fix": {"type": "string"}}}}}})",
     &showHealth},
};

}  // namespace

std::span<const Operation> adminOperations() { return kOperations; }

}  // namespace engram::operations
