// quota-plan: what a tenant's plan allows. What time gives back is counted here; what is stored is told to the host, which
// has it checked in the transaction of each write.
#include "ledger.hpp"
#include "plan.hpp"

#include <engram/cpp/quota.hpp>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <shared_mutex>

#include <fcntl.h>
#include <unistd.h>

namespace engram::quota_plan {
namespace {

constexpr uint64_t kWriteEveryMs = 1000;
constexpr size_t kMaxPlans = 1000;

int64_t wallNow() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

uint64_t steadyNow() {
    return static_cast<uint64_t>(
        std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count());
}

class QuotaPlan {
public:
    QuotaPlan(Host host, Config config)
        : host_(host), directory_(host.service<engram_host_directory_v1>(ENGRAM_HOST_DIRECTORY)) {
        readOverrides(config.json());
    }

    engram_status start(engram_call* call) {
        if (!directory_) return fail(call, ENGRAM_FAILED_PRECONDITION, "the host offers no directory");
        path_ = host_.stateDir() + "/calls";
        std::ifstream file(path_);
        const std::string text(std::istreambuf_iterator<char>(file), {});
        if (file.is_open() && !ledger_.restore(text))
            host_.warn("the calls of the day could not be read in full and may begin at zero", {{"file", path_}});
        if (auto* tasks = host_.service<engram_host_tasks_v1>(ENGRAM_HOST_TASKS))
            tasks->post(host_.raw(), &guardedTask<&QuotaPlan::writeCalls>, this, kWriteEveryMs, kWriteEveryMs, &task_);
        return ENGRAM_OK;
    }

    engram_status stop(engram_call*) {
        write();
        return ENGRAM_OK;
    }

    engram_status health(engram_call* call) {
        if (!unwritten_.load()) return ENGRAM_OK;
        // It counts on in memory and writes again: degraded, not unwell.
        return fail(call, ENGRAM_RESOURCE_EXHAUSTED, path_ + " cannot be written: is the disk full?");
    }

    engram_status reserve(engram_call* call, const engram_cost* cost, engram_grant* out) {
        Plan plan;
        if (const engram_status status = find(call, view(cost->plan), plan); status != ENGRAM_OK) return status;
        const std::string tenant(view(call->tenant));
        return view(cost->route) == "request" ? request(call, plan, tenant, out) : operation(call, plan, tenant, out);
    }

    engram_status settle(engram_call* call, uint64_t ticket, const engram_cost* actual) {
        if (!actual) ledger_.giveBack(std::string(view(call->tenant)), static_cast<int64_t>(ticket));
        return ENGRAM_OK;
    }

    engram_status limits(engram_call* call, engram_str plan_name, const engram_plan_limits* sink) {
        Plan plan;
        if (const engram_status status = find(call, view(plan_name), plan); status != ENGRAM_OK) return status;
        const Taken today = ledger_.used(std::string(view(call->tenant)), wallNow());
        for (size_t unit = 0; unit < kBurst; ++unit) {
            engram_plan_limit limit{};
            limit.size = sizeof limit;
            limit.unit = borrow(kUnitNames[unit]);
            limit.max = plan.max[unit];
            if (unit == kCallsADay && limit.max != kUnlimited) {
                limit.counted = 1;
                limit.used = today.remaining;
                limit.reset_ms = today.reset_ms;
            }
            if (const engram_status status = sink->limit(sink->ctx, &limit); status != ENGRAM_OK) return status;
        }
        return ENGRAM_OK;
    }

private:
    // Every request: the bucket of the minute.
    engram_status request(engram_call* call, const Plan& plan, const std::string& tenant, engram_grant* out) {
        const uint64_t per_minute = plan.max[kRequestsAMinute];
        if (per_minute == kUnlimited) return ENGRAM_OK;
        const uint64_t burst = std::max<uint64_t>(1, plan.burst());
        const Taken taken = ledger_.request(tenant, {std::max<uint64_t>(1, per_minute), burst}, steadyNow());
        out->limit = burst;
        out->remaining = taken.remaining;
        out->reset_ms = taken.reset_ms;
        out->policy = keep(call, std::to_string(per_minute) + ";w=60");
        if (taken.granted) return ENGRAM_OK;
        out->retry_after_ms = static_cast<uint32_t>(std::min<uint64_t>(taken.wait_ms, UINT32_MAX));
        out->payment = ENGRAM_REFUSED_RATE;
        return fail(call, ENGRAM_RESOURCE_EXHAUSTED, "the plan's requests a minute");
    }

    // Every operation: a call of the day, and what may be stored.
    engram_status operation(engram_call* call, const Plan& plan, const std::string& tenant, engram_grant* out) {
        if (plan.max[kCallsADay] != kUnlimited) {
            const int64_t now = wallNow();
            const Taken taken = ledger_.call(tenant, plan.max[kCallsADay], now);
            if (!taken.granted) {
                out->limit = plan.max[kCallsADay];
                out->reset_ms = taken.reset_ms;
                out->retry_after_ms = static_cast<uint32_t>(std::min<uint64_t>(taken.wait_ms, UINT32_MAX));
                out->payment = ENGRAM_REFUSED_DAY;
                out->policy = keep(call, std::to_string(plan.max[kCallsADay]) + ";w=86400");
                return fail(call, ENGRAM_RESOURCE_EXHAUSTED, "the plan's calls of the day");
            }
            out->ticket = static_cast<uint64_t>(ledger_.day(now));
        }
        auto* limits = allocateArray<engram_amount>(call, kCallsADay);
        size_t n = 0;
        for (size_t unit = 0; unit < kCallsADay; ++unit)
            if (plan.max[unit] != kUnlimited) limits[n++] = {borrow(kUnitNames[unit]), plan.max[unit]};
        out->limits = limits;
        out->n_limits = n;
        return ENGRAM_OK;
    }

    engram_status find(engram_call* call, std::string_view name, Plan& plan) {
        const uint64_t epoch = directory_->epoch(host_.raw());
        {
            std::shared_lock lock(mutex_);
            if (auto it = plans_.find(name); epoch == epoch_ && it != plans_.end()) {
                plan = it->second;
                return ENGRAM_OK;
            }
        }
        engram_doc doc{};
        doc.size = sizeof doc;
        const engram_status found = directory_->get(host_.raw(), call, ENGRAM_DOC_PLAN, {nullptr, 0}, borrow(name), 0, &doc);
        if (found == ENGRAM_AGAIN) return found;
        if (found != ENGRAM_OK && found != ENGRAM_NOT_FOUND) return fail(call, ENGRAM_UNAVAILABLE, "the directory does not answer");
        plan = Plan();
        if (found == ENGRAM_OK) {
            rapidjson::Document document;
            document.Parse<rapidjson::kParseIterativeFlag>(doc.json.ptr, doc.json.len);
            const std::string wrong = document.HasParseError() || !document.IsObject() ? "the document" : read(document, Unknown::Ignore, plan);
            if (!wrong.empty()) return fail(call, ENGRAM_UNAVAILABLE, "plan " + std::string(name) + ": " + wrong + " is damaged");
        }
        const auto own = overrides_.find(name);
        if (own != overrides_.end()) own->second.applyTo(plan);
        std::unique_lock lock(mutex_);
        if (epoch != epoch_ || plans_.size() >= kMaxPlans) plans_.clear();
        epoch_ = epoch;
        if (found == ENGRAM_NOT_FOUND && own == overrides_.end() && !plans_.contains(std::string(name)))
            host_.warn("a tenant has a plan that nobody describes: it has no limits", {{"plan", name}});
        plans_[std::string(name)] = plan;
        return ENGRAM_OK;
    }

    // What the configuration says about a plan, over what its document says.
    struct Override {
        rapidjson::Document object;
        void applyTo(Plan& plan) const { read(object, Unknown::Refuse, plan); }
    };

    void readOverrides(std::string_view json) {
        rapidjson::Document config;
        config.Parse<rapidjson::kParseIterativeFlag>(json.data(), json.size());
        if (config.HasParseError() || !config.IsObject() || !config.HasMember("plans")) return;
        for (const auto& entry : config["plans"].GetObject()) {
            const std::string name(entry.name.GetString(), entry.name.GetStringLength());
            if (!entry.value.IsObject()) throw Failure(ENGRAM_INVALID_ARGUMENT, "plans." + name + " must be a table");
            Plan probe;
            if (const std::string wrong = read(entry.value, Unknown::Refuse, probe); !wrong.empty())
                throw Failure(ENGRAM_INVALID_ARGUMENT, "plans." + name + "." + wrong + " is no limit, or not a whole number (-1 = unlimited)");
            Override& own = overrides_[name];
            own.object.CopyFrom(entry.value, own.object.GetAllocator());
        }
    }

    static void writeCalls(void* self, engram_call*) { static_cast<QuotaPlan*>(self)->write(); }

    // Once a second: kill -9 gives a tenant at most the calls of a second back.
    void write() {
        if (path_.empty()) return;
        const std::string fresh = path_ + ".new";
        std::string text = ledger_.changes(wallNow());
        if (text.empty() && unwritten_.load()) text = pending_;
        if (text.empty()) return;
        const int fd = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
        const bool written = fd >= 0 && ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
        const std::string why = std::strerror(errno);
        if (fd >= 0) ::close(fd);
        if (written && std::rename(fresh.c_str(), path_.c_str()) == 0) {
            if (unwritten_.exchange(false)) host_.info("the calls of the day can be written again", {{"file", path_}});
            pending_.clear();
            return;
        }
        pending_ = std::move(text);
        if (!unwritten_.exchange(true)) host_.error("the calls of the day cannot be written", {{"file", path_}, {"reason", why}});
    }

    Host host_;
    const engram_host_directory_v1* directory_;
    std::map<std::string, Override, std::less<>> overrides_;
    Ledger ledger_;
    std::string path_, pending_;  // pending_: what the last write() could not write
    std::atomic<bool> unwritten_{false};
    uint64_t task_ = 0;
    std::shared_mutex mutex_;
    uint64_t epoch_ = UINT64_MAX;  // of plans_
    std::map<std::string, Plan, std::less<>> plans_;
};

}  // namespace
}  // namespace engram::quota_plan

ENGRAM_PLUGIN(engram::quota_plan::QuotaPlan, R"json({
  "id": "quota-plan", "version": "0.1.0", "kind": "quota", "provides": ["engram.quota/1"],
  "services": ["engram.host.log/1", "engram.host.json/1", "engram.host.tasks/1", "engram.host.state_dir/1",
               "engram.host.directory/1"],
  "status": "beta", "license": "MIT",
  "description": "What a tenant's plan allows: things stored, calls a day, requests a minute",
  "config": {"type": "object", "additionalProperties": false, "properties": {
    "plans": {"type": "object", "additionalProperties": true, "description": "Limits over those of the plans' documents, e.g. free = { memories = 500, rpm = -1 }; -1 = unlimited"}}}
})json", engram::quota)
