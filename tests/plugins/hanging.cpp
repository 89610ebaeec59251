// A plugin of four kinds that hangs where it is told to, as long as a file is there: what a broken service behind a plugin
// looks like to the host. It keeps the rule for calls on io threads: it answers AGAIN there.
#include <engram/cpp/auth.hpp>
#include <engram/cpp/embed.hpp>
#include <engram/cpp/metering.hpp>
#include <engram/cpp/quota.hpp>

#include <chrono>
#include <thread>

#include <unistd.h>

namespace {

class Hanging {
public:
    Hanging(engram::Host, engram::Config config) : folder_(config.text("/folder")) {}

    // A credential "hang" hangs; others are for the next plugin.
    engram_status authenticate(engram_call* call, const engram_credential* credential, engram_principal*) {
        if (engram::view(credential->value) != "hang") return ENGRAM_PASS;
        if (call->flags & ENGRAM_CALL_INLINE) return ENGRAM_AGAIN;
        wait("authenticate");
        return engram::fail(call, ENGRAM_UNAUTHENTICATED, "at last");
    }

    engram_status reserve(engram_call* call, const engram_cost* cost, engram_grant*) {
        if (engram::view(cost->route) != "memory.history" || !told("reserve")) return ENGRAM_OK;
        if (call->flags & ENGRAM_CALL_INLINE) return ENGRAM_AGAIN;
        wait("reserve");
        return ENGRAM_OK;
    }
    engram_status settle(engram_call*, uint64_t, const engram_cost*) { return ENGRAM_OK; }

    engram_status info(engram_call* call, engram_embed_info* out) {
        out->dimensions = 2;
        out->max_batch = 1;
        out->deterministic = 1;
        out->model = engram::keep(call, "hanging-1");
        return ENGRAM_OK;
    }
    engram_status embed(engram_call*, uint32_t, const engram_str* texts, size_t n, float* out, uint64_t*) {
        for (size_t i = 0; i < n; ++i) {
            if (engram::view(texts[i]).find("hang") != std::string_view::npos) wait("embed");
            out[2 * i] = 1;
            out[2 * i + 1] = 0;
        }
        return ENGRAM_OK;
    }

    engram_status consume(engram_call*, const engram_event*, size_t n, size_t* taken) {
        wait("consume");
        *taken = n;
        return ENGRAM_OK;
    }
    engram_status query(engram_call*, const engram_usage_query*, const engram_usage_rows*) { return ENGRAM_OK; }

private:
    bool told(const std::string& place) const { return access((folder_ + "/" + place).c_str(), F_OK) == 0; }
    void wait(const std::string& place) const {
        while (told(place)) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }

    const std::string folder_;
};

}  // namespace

ENGRAM_PLUGIN(Hanging, R"({
  "id": "hanging", "version": "1.0.0", "kind": "auth",
  "provides": ["engram.auth/1", "engram.quota/1", "engram.embed/1", "engram.metering/1"],
  "services": ["engram.host.json/1"],
  "config": {"type": "object", "required": ["folder"], "properties": {"folder": {"type": "string"}}}
})", engram::auth, engram::quota, engram::embed, engram::metering)
