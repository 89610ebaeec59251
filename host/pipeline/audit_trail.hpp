// The audit events of the host: who changed what in the control plane, who was refused, and how often credentials were.
//
// An event of a change is on the disk when changed() returns. What anybody can cause without limit is not written
// without limit: failed credentials become one summary a minute, refused attempts of a subject at most kRefusalsAMinute
// events. Any thread.
#pragma once

#include "spool/spool.hpp"

#include <engram/cpp/result.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace engram::pipeline {

struct AuditEntry {
    std::string_view tenant, subject, operation;
    int status = 0;
    std::string_view error_code;  // empty = done
    std::string_view request_id, credential_id, peer;
    std::string_view target_kind, target;
    std::string_view before, after;  // JSON objects without secrets, or empty
};

class AuditTrail {
public:
    static constexpr unsigned kRefusalsAMinute = 30;

    // `now` in milliseconds since the epoch; `on_lost` is told of an event that found no room.
    AuditTrail(spool::Spool& spool, std::function<int64_t()> now, std::function<void(const std::string& why)> on_lost)
        : spool_(spool), now_(std::move(now)), on_lost_(std::move(on_lost)) {}
    ~AuditTrail() { flush(); }

    // Before a change: can its event be kept. Error "unavailable".
    Result<void> ready();
    // After it, before the answer. Error "internal": the change is made but its event is lost.
    Result<void> changed(const AuditEntry& entry);
    void refused(const AuditEntry& entry);
    void authenticationFailed(std::string_view peer, std::string_view code);
    // Writes the summary of failures that were not told yet.
    void flush();

private:
    static constexpr size_t kMaxNames = 1000;

    // How often something happened in a minute, by name.
    struct Tally {
        std::map<std::string, uint64_t, std::less<>> codes, peers;
        uint64_t count = 0;
        int64_t since = 0;
    };
    struct Refusals {
        unsigned written = 0;
        uint64_t suppressed = 0;
    };

    spool::Event eventOf(const AuditEntry& entry, uint64_t suppressed) const;
    void writeSummary(const Tally& tally);
    bool mayWriteRefusal(std::string_view subject, uint64_t& suppressed);

    spool::Spool& spool_;
    std::function<int64_t()> now_;
    std::function<void(const std::string&)> on_lost_;
    std::mutex mutex_;  // of all below
    Tally failures_;
    int64_t last_summary_ = INT64_MIN;
    int64_t minute_ = 0;
    std::unordered_map<std::string, Refusals> refusals_;  // by subject, of this minute
};

}  // namespace engram::pipeline
