// A fixed number of searches, then none.
#include <engram/cpp/quota.hpp>

#include <atomic>

namespace {

class TinyQuota {
public:
    TinyQuota(engram::Host, engram::Config config) : left_(config.integer("/searches", 2)) {}

    engram_status reserve(engram_call* call, const engram_cost* cost, engram_grant* out) {
        if (engram::view(cost->route) != "memory.search" || left_.fetch_sub(1) > 0) return ENGRAM_OK;
        out->limit = 2;
        out->payment = 1;
        return engram::fail(call, ENGRAM_RESOURCE_EXHAUSTED, "no searches left");
    }
    engram_status settle(engram_call*, uint64_t, const engram_cost*) { return ENGRAM_OK; }

private:
    std::atomic<int64_t> left_;
};

}  // namespace

ENGRAM_PLUGIN(TinyQuota, R"({
  "id": "tiny-quota", "version": "1.0.0", "kind": "quota", "provides": ["engram.quota/1"],
  "services": ["engram.host.json/1"],
  "config": {"type": "object", "properties": {"searches": {"type": "integer"}}}
})", engram::quota)
