// metering-sqlite: usage events and their sums by day, in one SQLite file with one connection.
#include "usage_database.hpp"

#include <engram/cpp/metering.hpp>
#include <engram/cpp/text.hpp>

#include <Poco/Data/SQLite/Connector.h>
#include <Poco/Exception.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <mutex>


namespace engram::metering_sqlite {
namespace {

constexpr int64_t kDay = 24LL * 3600 * 1000;
constexpr int64_t kForgottenAtOnce = 5000;

int64_t systemNow() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

class MeteringSqlite {
public:
    MeteringSqlite(Host host, Config config) : host_(host), keep_days_(config.integer("/keep_events_days", 35)) {}

    engram_status start(engram_call* call) {
        const std::string folder = host_.stateDir();
        if (folder.empty()) return fail(call, ENGRAM_FAILED_PRECONDITION, "the host gave no state_dir");
        const std::string path = folder + "/usage.db";
        Poco::Data::SQLite::Connector::registerConnector();
        try {
            database_ = std::make_unique<UsageDatabase>(path);
        } catch (const Poco::Exception& e) {
            return fail(call, ENGRAM_FAILED_PRECONDITION, path + ": " + e.displayText());
        }
        return ENGRAM_OK;
    }

    engram_status stop(engram_call*) {
        std::lock_guard lock(mutex_);
        database_.reset();
        return ENGRAM_OK;
    }

    // Quick: is it open. Thorough: the one connection reads through it,
    // and whoever needs it meanwhile waits.
    engram_status health(engram_call* call) {
        const bool thorough = (call->flags & ENGRAM_CALL_THOROUGH) != 0;
        std::unique_lock lock(mutex_, std::defer_lock);
        if (thorough) lock.lock();
        else if (!lock.try_lock()) return ENGRAM_OK;
        if (!database_) return fail(call, ENGRAM_UNAVAILABLE, "stopped");
        try {
            if (!thorough) return ENGRAM_OK;
            const std::string damage = database_->damage();
            if (!damage.empty()) return fail(call, ENGRAM_INTERNAL, "usage.db: " + damage);
        } catch (const Poco::Exception& e) {
            return fail(call, ENGRAM_INTERNAL, "usage.db: " + e.displayText());
        }
        return ENGRAM_OK;
    }

    engram_status consume(engram_call* call, const engram_event* events, size_t n, size_t* taken) {
        *taken = 0;
        std::lock_guard lock(mutex_);
        if (!database_) return fail(call, ENGRAM_UNAVAILABLE, "stopped");
        try {
            database_->add(events, n);
            *taken = n;
            database_->forgetBefore(systemNow() - keep_days_ * kDay, kForgottenAtOnce);
        } catch (const Poco::Exception& e) {
            return fail(call, ENGRAM_UNAVAILABLE, "usage.db: " + e.displayText());
        }
        return ENGRAM_OK;
    }

    engram_status query(engram_call* call, const engram_usage_query* query, const engram_usage_rows* sink) {
        if (query->until <= query->from) return ENGRAM_OK;
        std::vector<UsageRow> rows;
        {
            std::lock_guard lock(mutex_);
            if (!database_) return fail(call, ENGRAM_UNAVAILABLE, "stopped");
            try {
                rows = database_->query(std::string(view(query->tenant)), dayOf(query->from), dayOf(query->until - 1));
            } catch (const Poco::Exception& e) {
                return fail(call, ENGRAM_UNAVAILABLE, "usage.db: " + e.displayText());
            }
        }
        return push(rows, *sink);
    }

private:
    static engram_status push(const std::vector<UsageRow>& rows, const engram_usage_rows& sink) {
        for (const UsageRow& row : rows) {
            std::vector<engram_counter> counters;
            for (const auto& [unit, n] : row.counters) counters.push_back({borrow(unit), n});
            const engram_usage_row out = {sizeof out,           0,
                                          borrow(row.day),      borrow(row.workspace),
                                          borrow(row.route),    row.requests,
                                          row.errors,           counters.data(),
                                          counters.size()};
            if (const engram_status status = sink.row(sink.ctx, &out); status != ENGRAM_OK) return status;
        }
        return ENGRAM_OK;
    }

    Host host_;
    int64_t keep_days_;
    std::mutex mutex_;
    std::unique_ptr<UsageDatabase> database_;
};

}  // namespace
}  // namespace engram::metering_sqlite

ENGRAM_PLUGIN(engram::metering_sqlite::MeteringSqlite, R"json({
  "id": "metering-sqlite", "version": "0.1.0", "kind": "metering", "provides": ["engram.metering/1"],
  "services": ["engram.host.json/1", "engram.host.state_dir/1"],
  "status": "beta", "license": "MIT",
  "description": "Usage events and daily sums in one SQLite file",
  "config": {"type": "object", "additionalProperties": false, "properties": {
    "keep_events_days": {"type": "integer", "minimum": 1, "maximum": 3660, "default": 35, "description": "Days for which single events are kept; daily sums are kept for ever"}}}
})json", engram::metering)
