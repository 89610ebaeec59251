// quota-local: a token bucket for each tenant and route, in the memory of this process.
#include "token_buckets.hpp"

#include <engram/cpp/quota.hpp>

#include <rapidjson/document.h>

#include <chrono>
#include <unordered_map>

namespace engram::quota_local {
namespace {

uint64_t steadyNow() {
    return static_cast<uint64_t>(
        std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count());
}

class QuotaLocal {
public:
    QuotaLocal(Host, Config config)
        : all_{static_cast<uint64_t>(config.integer("/requests_per_minute", 600)),
               static_cast<uint64_t>(config.integer("/burst", 120))},
          buckets_(static_cast<size_t>(config.integer("/max_buckets", 100000))) {
        readRoutes(config.json());
        all_policy_ = policyOf(all_);
    }

    engram_status reserve(engram_call* call, const engram_cost* cost, engram_grant* out) {
        // Every request pays once, at "request"; a route pays on top only if it has a limit of its own.
        const std::string route(view(cost->route));
        const auto own = routes_.find(route);
        if (own == routes_.end() && route != "request") return ENGRAM_OK;
        const Rate& rate = own == routes_.end() ? all_ : own->second.rate;
        if (rate.per_minute == 0) return ENGRAM_OK;
        const std::string& policy = own == routes_.end() ? all_policy_ : own->second.policy;
        const Taken taken = buckets_.take(nameOf(call, route), rate, requests(cost), steadyNow());
        out->limit = rate.burst;
        out->remaining = taken.remaining;
        out->reset_ms = (taken.reset_ns + 999'999) / 1'000'000;
        out->policy = keep(call, policy);
        if (taken.granted) return ENGRAM_OK;
        out->retry_after_ms = static_cast<uint32_t>(std::min<uint64_t>((taken.retry_ns + 999'999) / 1'000'000, UINT32_MAX));
        return fail(call, ENGRAM_RESOURCE_EXHAUSTED, "rate limit " + policy);
    }

    engram_status settle(engram_call*, uint64_t, const engram_cost*) { return ENGRAM_OK; }

private:
    struct Route {
        Rate rate;
        std::string policy;
    };

    static std::string policyOf(const Rate& rate) { return std::to_string(rate.per_minute) + ";w=60"; }

    static std::string nameOf(engram_call* call, const std::string& route) {
        std::string name(view(call->tenant));
        name += '\0';
        return name + route;
    }

    static uint64_t requests(const engram_cost* cost) {
        for (size_t i = 0; i < cost->n_amounts; ++i)
            if (view(cost->amounts[i].unit) == "requests") return cost->amounts[i].n;
        return 1;
    }

    void readRoutes(std::string_view json) {
        rapidjson::Document config;
        config.Parse<rapidjson::kParseIterativeFlag>(json.data(), json.size());
        if (config.HasParseError() || !config.IsObject() || !config.HasMember("routes")) return;
        for (const auto& entry : config["routes"].GetObject()) {
            const std::string name(entry.name.GetString(), entry.name.GetStringLength());
            auto number = [&](const char* key, uint64_t fallback) {
                if (!entry.value.IsObject()) throw Failure(ENGRAM_INVALID_ARGUMENT, "routes." + name + " must be a table");
                auto it = entry.value.FindMember(key);
                if (it == entry.value.MemberEnd()) return fallback;
                if (!it->value.IsUint64())
                    throw Failure(ENGRAM_INVALID_ARGUMENT, "routes." + name + "." + key + " must be a whole number");
                return it->value.GetUint64();
            };
            const Rate rate{number("requests_per_minute", all_.per_minute), number("burst", all_.burst)};
            routes_[name] = {rate, policyOf(rate)};
        }
    }

    Rate all_;
    std::string all_policy_;
    std::unordered_map<std::string, Route> routes_;
    TokenBuckets buckets_;
};

}  // namespace
}  // namespace engram::quota_local

ENGRAM_PLUGIN(engram::quota_local::QuotaLocal, R"json({
  "id": "quota-local", "version": "0.1.0", "kind": "quota", "provides": ["engram.quota/1"],
  "services": ["engram.host.log/1", "engram.host.json/1"],
  "status": "beta", "license": "MIT",
  "description": "Requests per tenant and route, limited by token buckets in memory",
  "config": {"type": "object", "additionalProperties": false, "properties": {
    "requests_per_minute": {"type": "integer", "minimum": 0, "maximum": 60000000, "default": 600, "description": "Requests of a tenant; 0 = unlimited"},
    "burst": {"type": "integer", "minimum": 1, "maximum": 10000000, "default": 120, "description": "Requests at once"},
    "max_buckets": {"type": "integer", "minimum": 64, "maximum": 100000000, "default": 100000, "description": "Buckets kept in memory"},
    "routes": {"type": "object", "additionalProperties": true, "description": "Limits of single operations, e.g. \"memory.search\" = { requests_per_minute = 60, burst = 10 }"}}}
})json", engram::quota)
