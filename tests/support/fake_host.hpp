// A host for plugin tests: the services of the SDK in memory. Not thread-safe but for the services marked [any].
#pragma once

#include "json/json.hpp"

#include <engram/cpp/arena_call.hpp>
#include <engram/cpp/host.hpp>
#include <engram/plugin.h>

#include <rapidjson/pointer.h>

#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace engram::testing {

class FakeHost {
public:
    explicit FakeHost(std::string instance = "under-test", std::string state_dir = {})
        : instance_(std::move(instance)), state_dir_(std::move(state_dir)) {
        handle_.host = {sizeof(engram_host), ENGRAM_ABI_MINOR,     engram_lit("engram"),
                        engram_lit("test"),  borrow(instance_), &FakeHost::get};
        handle_.self = this;
        services_[ENGRAM_HOST_LOG] = &kLog;
        services_[ENGRAM_HOST_JSON] = &kJson;
        services_[ENGRAM_HOST_METRICS] = &kMetrics;
        services_[ENGRAM_HOST_STATE_DIR] = &kStateDir;
    }
    FakeHost(const FakeHost&) = delete;

    const engram_host* get() const { return &handle_.host; }
    // Offers a further service, e.g. a directory; `table` outlives the host.
    void offer(const char* id, const void* table) { services_[id] = table; }
    std::vector<std::string> logLines() const {
        std::lock_guard lock(mutex_);
        return lines_;
    }
    static FakeHost& of(const engram_host* host) {
        return *reinterpret_cast<const Handle*>(host)->self;
    }

private:
    struct Handle {
        engram_host host{};
        FakeHost* self = nullptr;
    };

    static const void* get(const engram_host* host, const char* id) {
        auto& services = of(host).services_;
        auto it = services.find(id);
        return it == services.end() ? nullptr : it->second;
    }
    static void log(const engram_host* host, uint32_t, engram_str message, const engram_kv* kv, size_t n) {
        std::string line(view(message));
        for (size_t i = 0; i < n; ++i) line.append(" ").append(view(kv[i].key)).append("=").append(view(kv[i].value));
        FakeHost& self = of(host);
        std::lock_guard lock(self.mutex_);
        self.lines_.push_back(std::move(line));
    }
    static engram_status at(const engram_host*, engram_call* call, engram_str text, engram_str pointer,
                            uint32_t* type, engram_str* out) {
        auto document = json::parse(view(text));
        if (!document) return fail(call, ENGRAM_INVALID_ARGUMENT, document.error().message);
        const rapidjson::Value* v = rapidjson::Pointer(pointer.ptr, pointer.len).Get(*document);
        if (!v) return ENGRAM_NOT_FOUND;
        *type = v->IsNull()     ? ENGRAM_JSON_NULL
                : v->IsBool()   ? ENGRAM_JSON_BOOL
                : v->IsNumber() ? ENGRAM_JSON_NUMBER
                : v->IsString() ? ENGRAM_JSON_STRING
                : v->IsArray()  ? ENGRAM_JSON_ARRAY
                                : ENGRAM_JSON_OBJECT;
        *out = keep(call, v->IsString() ? std::string(json::view(*v)) : json::write(*v));
        return ENGRAM_OK;
    }
    static engram_status define(const engram_host*, uint32_t, engram_str, engram_str, const engram_str*, size_t,
                                uint64_t* id) {
        *id = 1;
        return ENGRAM_OK;
    }
    static void add(const engram_host*, uint64_t, const engram_str*, size_t, double) {}
    static engram_str path(const engram_host* host) { return borrow(of(host).state_dir_); }

    static constexpr engram_host_log_v1 kLog = {sizeof(engram_host_log_v1), ENGRAM_LOG_DEBUG, &FakeHost::log};
    static constexpr engram_host_json_v1 kJson = {sizeof(engram_host_json_v1), 0, &FakeHost::at};
    static constexpr engram_host_metrics_v1 kMetrics = {sizeof(engram_host_metrics_v1), 0, &FakeHost::define,
                                                        &FakeHost::add};
    static constexpr engram_host_state_dir_v1 kStateDir = {sizeof(engram_host_state_dir_v1), 0, &FakeHost::path};

    std::string instance_, state_dir_;
    Handle handle_;
    std::map<std::string, const void*> services_;
    mutable std::mutex mutex_;
    std::vector<std::string> lines_;
};

}  // namespace engram::testing
