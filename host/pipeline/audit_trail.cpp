#include "pipeline/audit_trail.hpp"

#include "engine/time.hpp"
#include "engine/uuid.hpp"
#include "json/json.hpp"
#include "operations/memory_json.hpp"

#include <algorithm>
#include <vector>

namespace engram::pipeline {
namespace {

using operations::writeMember;

constexpr int64_t kMinute = 60000;
constexpr size_t kPeersShown = 10;
constexpr size_t kMaxDocument = 64 * 1024;  // of before and after

void writeObject(json::Writer& out, const char* name, std::string_view object) {
    if (object.empty() || object.size() > kMaxDocument) return;
    out.Key(name);
    out.RawValue(object.data(), object.size(), rapidjson::kObjectType);
}

void writeCounts(json::Writer& out, const char* name, std::vector<std::pair<std::string, uint64_t>> counts) {
    std::stable_sort(counts.begin(), counts.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
    if (counts.size() > kPeersShown) counts.resize(kPeersShown);
    out.Key(name);
    out.StartObject();
    for (const auto& [what, n] : counts) {
        out.Key(what.data(), static_cast<rapidjson::SizeType>(what.size()));
        out.Uint64(n);
    }
    out.EndObject();
}

spool::Event bare(int64_t now, int status, std::string_view operation) {
    spool::Event event;
    event.stream = spool::Stream::Audit;
    event.id = engine::mintUuid(now).abi();
    event.occurred_at = now;
    event.status_code = static_cast<uint32_t>(status);
    event.route = operation;
    return event;
}

}  // namespace

spool::Event AuditTrail::eventOf(const AuditEntry& entry, uint64_t suppressed) const {
    spool::Event event = bare(now_(), entry.status, entry.operation);
    event.tenant = entry.tenant;
    event.subject = entry.subject;
    json::Buffer buffer;
    json::Writer out(buffer);
    out.StartObject();
    writeMember(out, "outcome", entry.error_code.empty() ? "done" : "refused");
    if (!entry.error_code.empty()) writeMember(out, "error_code", entry.error_code);
    writeMember(out, "request_id", entry.request_id);
    if (!entry.credential_id.empty()) writeMember(out, "credential_id", entry.credential_id);
    if (!entry.peer.empty()) writeMember(out, "peer", entry.peer);
    out.Key("target");
    out.StartObject();
    writeMember(out, "kind", entry.target_kind);
    writeMember(out, "id", entry.target.substr(0, 512));
    out.EndObject();
    writeObject(out, "before", entry.before);
    writeObject(out, "after", entry.after);
    if (suppressed > 0) {
        out.Key("suppressed");
        out.Uint64(suppressed);
    }
    out.EndObject();
    event.json.assign(buffer.GetString(), buffer.GetSize());
    return event;
}

Result<void> AuditTrail::ready() {
    if (auto prepared = spool_.prepare(); !prepared)
        return Error{"unavailable", "the audit log can take no event, so nothing may be changed",
                     "see the log of the server: is the disk full, or the audit plugin unwell?", "", prepared.error().message};
    return {};
}

Result<void> AuditTrail::changed(const AuditEntry& entry) {
    const spool::Event event = eventOf(entry, 0);
    if (auto written = spool_.append(event, spool::Spool::Durability::Disk); !written) {
        on_lost_(written.error().message + ": " + event.route + " by " + event.subject + " " + event.json);
        return Error{"internal", "the change is made, but its audit event could not be kept", "tell the operator", "",
                     written.error().message};
    }
    return {};
}

bool AuditTrail::mayWriteRefusal(std::string_view subject, uint64_t& suppressed) {
    std::lock_guard lock(mutex_);
    const int64_t minute = now_() / kMinute;
    if (minute != minute_) {
        // What was held back is told with the subject's next event.
        std::erase_if(refusals_, [](const auto& entry) { return entry.second.suppressed == 0; });
        for (auto& entry : refusals_) entry.second.written = 0;
        if (refusals_.size() > kMaxNames) refusals_.clear();
        minute_ = minute;
    }
    if (refusals_.size() >= kMaxNames && !refusals_.contains(std::string(subject))) return false;
    Refusals& own = refusals_[std::string(subject)];
    if (own.written >= kRefusalsAMinute) {
        ++own.suppressed;
        return false;
    }
    ++own.written;
    suppressed = std::exchange(own.suppressed, 0);
    return true;
}

void AuditTrail::refused(const AuditEntry& entry) {
    uint64_t suppressed = 0;
    if (!mayWriteRefusal(entry.subject, suppressed)) return;
    if (auto written = spool_.append(eventOf(entry, suppressed)); !written) on_lost_(written.error().message);
}

void AuditTrail::authenticationFailed(std::string_view peer, std::string_view code) {
    const int64_t now = now_();
    Tally due;
    {
        std::lock_guard lock(mutex_);
        if (failures_.count++ == 0) failures_.since = now;
        ++failures_.codes[std::string(code)];
        const std::string name(peer.empty() ? "local" : peer);
        if (failures_.peers.size() < kMaxNames || failures_.peers.contains(name)) ++failures_.peers[name];
        if (last_summary_ != INT64_MIN && now >= last_summary_ && now - last_summary_ < kMinute) return;
        due = std::exchange(failures_, {});
        last_summary_ = now;
    }
    writeSummary(due);
}

void AuditTrail::flush() {
    Tally due;
    {
        std::lock_guard lock(mutex_);
        due = std::exchange(failures_, {});
    }
    if (due.count > 0) writeSummary(due);
}

void AuditTrail::writeSummary(const Tally& tally) {
    spool::Event event = bare(now_(), 401, "authentication.failed");
    json::Buffer buffer;
    json::Writer out(buffer);
    out.StartObject();
    writeMember(out, "outcome", "refused");
    out.Key("count");
    out.Uint64(tally.count);
    writeMember(out, "since", engine::formatTime(tally.since));
    writeCounts(out, "codes", {tally.codes.begin(), tally.codes.end()});
    writeCounts(out, "peers", {tally.peers.begin(), tally.peers.end()});
    out.EndObject();
    event.json.assign(buffer.GetString(), buffer.GetSize());
    if (auto written = spool_.append(event); !written) on_lost_(written.error().message);
}

}  // namespace engram::pipeline
