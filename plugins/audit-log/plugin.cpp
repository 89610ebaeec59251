// audit-log: audit events as lines of JSON in files that are only appended to, each line sealed with the one before.
#include "log_files.hpp"
#include "verdict.hpp"

#include <engram/cpp/audit.hpp>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <memory>
#include <mutex>
#include <unordered_set>

namespace engram::audit_log {
namespace {

constexpr size_t kIdBytes = 16u << 20;    // of the newest lines, whose events are known when they come again
constexpr size_t kMaxIds = 200000;
constexpr size_t kQueryBytes = 32u << 20;  // read for one page
constexpr uint32_t kMaxLimit = 1000;

struct IdHash {
    size_t operator()(const std::string& id) const {  // random bits at the end (RFC 9562)
        size_t hash;
        std::memcpy(&hash, id.data() + 8, sizeof hash);
        return hash;
    }
};

std::string idOf(const engram_uuid& id) { return {reinterpret_cast<const char*>(id.bytes), sizeof id.bytes}; }

class AuditLog {
public:
    AuditLog(Host host, Config config)
        : host_(host), max_bytes_(static_cast<uint64_t>(config.integer("/max_bytes", 16 << 20))),
          keep_(static_cast<unsigned>(config.integer("/keep", 8))) {}

    engram_status start(engram_call* call) {
        folder_ = host_.stateDir();
        if (folder_.empty()) return fail(call, ENGRAM_FAILED_PRECONDITION, "the host gave no state_dir");
        files_ = std::make_unique<LogFiles>(LogFiles::Options{folder_, max_bytes_, keep_});
        std::string repaired;
        if (const std::string error = files_->open(repaired); !error.empty())
            return fail(call, ENGRAM_FAILED_PRECONDITION, error);
        if (!repaired.empty()) host_.warn("the audit log was repaired", {{"what", repaired}});
        rememberIds();
        return ENGRAM_OK;
    }

    engram_status health(engram_call* call) {
        std::lock_guard lock(mutex_);
        return unwell_.empty() ? ENGRAM_OK : fail(call, ENGRAM_UNAVAILABLE, unwell_);
    }

    engram_status consume(engram_call* call, const engram_event* events, size_t n, size_t* taken) {
        *taken = 0;
        std::lock_guard lock(mutex_);
        std::vector<engram_event> fresh;
        std::vector<std::string> ids;
        for (size_t i = 0; i < n; ++i) {
            std::string id = idOf(events[i].id);
            if (known_.contains(id) || std::find(ids.begin(), ids.end(), id) != ids.end()) continue;
            fresh.push_back(events[i]);
            ids.push_back(std::move(id));
        }
        for (size_t i = 0; i < fresh.size(); i += kAtOnce) {
            const size_t some = std::min(kAtOnce, fresh.size() - i);
            if (const std::string error = files_->append(fresh.data() + i, some); !error.empty()) {
                rememberIds();  // a rotation in between may have kept a part
                unwell_ = "the audit log cannot be written: " + error;
                return fail(call, ENGRAM_UNAVAILABLE, unwell_);
            }
            for (size_t k = i; k < i + some; ++k) remember(std::move(ids[k]));
        }
        unwell_.clear();
        *taken = n;
        return ENGRAM_OK;
    }

    engram_status query(engram_call* call, const engram_audit_query* query, const engram_audit_entries* sink,
                        engram_str* next_cursor) {
        *next_cursor = {nullptr, 0};
        uint64_t below = UINT64_MAX;
        const std::string_view cursor = view(query->cursor);
        const auto [end, failed] = std::from_chars(cursor.data(), cursor.data() + cursor.size(), below);
        if (!cursor.empty() && (failed != std::errc() || end != cursor.data() + cursor.size()))
            return fail(call, ENGRAM_INVALID_ARGUMENT, "not a cursor of this log");
        Page page{*query, below, std::clamp<uint32_t>(query->limit, 1, kMaxLimit)};
        const std::vector<LogFiles::Part> parts = snapshot();
        for (auto part = parts.rbegin(); part != parts.rend() && !page.full(); ++part)
            if (const engram_status status = read(*part, page, *sink); status != ENGRAM_OK) return status;
        if (page.full() && page.lowest > 1) *next_cursor = keep(call, std::to_string(page.lowest));
        return ENGRAM_OK;
    }

    engram_status verify(engram_call* call, engram_audit_verdict* out) {
        // Nothing is appended or removed meanwhile.
        std::lock_guard lock(mutex_);
        const Verdict verdict = judge(files_->parts(), readHead(folder_));
        out->entries = verdict.entries;
        out->first = verdict.first;
        out->last = verdict.last;
        out->head = keep(call, verdict.head);
        out->problem = keep(call, verdict.problem);
        return ENGRAM_OK;
    }

private:
    static constexpr size_t kAtOnce = 256;

    struct Page {
        const engram_audit_query& query;
        uint64_t below;    // sequence number of the page before
        uint32_t left;     // entries still to be told
        uint64_t lowest = UINT64_MAX;  // sequence number read last
        size_t bytes = 0;  // read
        bool full() const { return left == 0 || bytes >= kQueryBytes; }
    };

    std::vector<LogFiles::Part> snapshot() {
        std::lock_guard lock(mutex_);
        return files_->parts();
    }

    static bool fits(const engram_audit_query& query, const Entry& entry) {
        const bool tenant = entry.tenant == view(query.tenant) || (entry.tenant.empty() && query.server_events);
        return tenant && (query.from == ENGRAM_TIME_NONE || entry.at >= query.from) &&
               (query.until == ENGRAM_TIME_NONE || entry.at < query.until) &&
               (query.operation.len == 0 || entry.operation == view(query.operation)) &&
               (query.subject.len == 0 || entry.subject == view(query.subject));
    }

    // The lines of a file from its end on.
    static engram_status read(const LogFiles::Part& part, Page& page, const engram_audit_entries& sink) {
        const FileView file(part.path, part.bytes);
        for (std::string_view rest = file.text(); !rest.empty() && !page.full();) {
            rest.remove_suffix(1);
            const size_t start = rest.rfind('\n') + 1;
            const std::string_view line = rest.substr(start);
            rest = rest.substr(0, start);
            page.bytes += line.size();
            const auto entry = parseEntry(line);
            if (!entry || entry->seq >= page.below) continue;
            page.lowest = entry->seq;
            if (!fits(page.query, *entry)) continue;
            const engram_event event = entry->event();
            if (const engram_status status = sink.entry(sink.ctx, &event); status != ENGRAM_OK) return status;
            --page.left;
        }
        return ENGRAM_OK;
    }

    void remember(std::string id) {
        if (known_.size() >= kMaxIds) known_.erase(known_.begin());
        known_.insert(std::move(id));
    }

    // The ids of the newest lines: what the host hands over again after a crash is among them.
    void rememberIds() {
        size_t bytes = 0;
        const auto& parts = files_->parts();
        for (auto part = parts.rbegin(); part != parts.rend() && bytes < kIdBytes; ++part) {
            const FileView file(part->path, part->bytes);
            for (std::string_view rest = file.text(); !rest.empty() && bytes < kIdBytes;) {
                rest.remove_suffix(1);
                const size_t start = rest.rfind('\n') + 1;
                bytes += rest.size() - start;
                if (auto sealed = unseal(rest.substr(start)); sealed && known_.size() < kMaxIds) known_.insert(idOf(sealed->id));
                rest = rest.substr(0, start);
            }
        }
    }

    Host host_;
    const uint64_t max_bytes_;
    const unsigned keep_;
    std::string folder_;
    std::mutex mutex_;  // of all below
    std::unique_ptr<LogFiles> files_;
    std::unordered_set<std::string, IdHash> known_;
    std::string unwell_;
};

}  // namespace
}  // namespace engram::audit_log

ENGRAM_PLUGIN(engram::audit_log::AuditLog, R"json({
  "id": "audit-log", "version": "0.1.0", "kind": "audit", "provides": ["engram.audit/1"],
  "services": ["engram.host.log/1", "engram.host.json/1", "engram.host.state_dir/1"],
  "status": "beta", "license": "MIT",
  "description": "Audit events in append-only files of JSON lines, chained by hashes",
  "config": {"type": "object", "additionalProperties": false, "properties": {
    "max_bytes": {"type": "integer", "minimum": 4096, "maximum": 1073741824, "default": 16777216, "description": "Bytes of a file before the next is begun"},
    "keep": {"type": "integer", "minimum": 2, "maximum": 10000, "default": 8, "description": "Files kept; the oldest is removed"}}}
})json", engram::audit)
