#include "loader/host_services.hpp"

#include <engram/host/json.h>
#include <engram/host/log.h>
#include <engram/host/metrics.h>
#include <engram/host/state_dir.h>
#include <engram/host/tasks.h>
#include <rapidjson/pointer.h>

#include <algorithm>
#include <array>
#include <engram/cpp/text.hpp>

#include "json/json.hpp"

namespace engram::loader {
namespace {

constexpr size_t kMaxLabels = 8;

uint32_t typeOf(const json::Value& value) {
    if (value.IsNull()) return ENGRAM_JSON_NULL;
    if (value.IsBool()) return ENGRAM_JSON_BOOL;
    if (value.IsNumber()) return ENGRAM_JSON_NUMBER;
    if (value.IsString()) return ENGRAM_JSON_STRING;
    return value.IsArray() ? ENGRAM_JSON_ARRAY : ENGRAM_JSON_OBJECT;
}

engram_str keepOrEmpty(engram_call* call, std::string_view text, engram_status& status) {
    auto* bytes = static_cast<char*>(call->ops->alloc(call, text.size() + 1, 1));
    if (!bytes) {
        status = fail(call, ENGRAM_RESOURCE_EXHAUSTED, "out of memory for this call");
        return {};
    }
    std::copy(text.begin(), text.end(), bytes);
    return {bytes, text.size()};
}

engram_status jsonAt(const engram_host*, engram_call* call, engram_str text, engram_str pointer,
                     uint32_t* type, engram_str* value) noexcept {
    try {
        auto document = json::parse(view(text));
        if (!document) return fail(call, ENGRAM_INVALID_ARGUMENT, document.error().message);
        const rapidjson::Pointer path(pointer.ptr ? pointer.ptr : "", pointer.len);
        if (!path.IsValid()) return fail(call, ENGRAM_INVALID_ARGUMENT, "not an RFC 6901 pointer");
        const json::Value* found = path.Get(*document);
        if (!found) return ENGRAM_NOT_FOUND;
        engram_status status = ENGRAM_OK;
        *type = typeOf(*found);
        *value = keepOrEmpty(call, found->IsString() ? std::string(json::view(*found)) : json::write(*found),
                             status);
        return status;
    } catch (const std::bad_alloc&) {
        return fail(call, ENGRAM_RESOURCE_EXHAUSTED, "out of memory");
    }
}

}  // namespace

// The functions behind the tables; they may look into HostServices.
struct HostServices::Tables {
    static void log(const engram_host* host, uint32_t level, engram_str message, const engram_kv* fields,
                    size_t n) {
        const HostServices& self = of(host);
        const HostOutlets& outlets = self.surroundings_.outlets;
        if (level < outlets.min_log_level || !outlets.log) return;
        outlets.log(level, self.instance_, view(message), {fields, fields ? n : 0});
    }

    static engram_status define(const engram_host* host, uint32_t kind, engram_str name, engram_str help,
                                const engram_str* labels, size_t n, uint64_t* id) noexcept {
        const HostServices& self = of(host);
        const auto& outlet = self.surroundings_.outlets.define_metric;
        if (kind < ENGRAM_METRIC_COUNTER || kind > ENGRAM_METRIC_HISTOGRAM || n > kMaxLabels ||
            name.len == 0 || name.len > 100 || !id)
            return ENGRAM_INVALID_ARGUMENT;
        try {
            std::vector<std::string> names;
            for (size_t i = 0; i < n; ++i) names.emplace_back(view(labels[i]));
            *id = 0;
            if (!outlet) return ENGRAM_OK;
            auto defined =
                outlet(kind, self.metric_prefix_ + std::string(view(name)), std::string(view(help)), names);
            if (!defined) return ENGRAM_ALREADY_EXISTS;
            *id = *defined;
            return ENGRAM_OK;
        } catch (const std::exception&) {
            return ENGRAM_RESOURCE_EXHAUSTED;
        }
    }

    static void add(const engram_host* host, uint64_t id, const engram_str* values, size_t n, double value) {
        const auto& outlet = of(host).surroundings_.outlets.add_metric;
        if (!outlet || n > kMaxLabels) return;
        std::array<std::string_view, kMaxLabels> labels;
        for (size_t i = 0; i < n; ++i) labels[i] = view(values[i]);
        outlet(id, {labels.data(), n}, value);
    }

    static engram_status post(const engram_host* host, void (*fn)(void*, engram_call*), void* arg,
                              uint64_t delay_ms, uint64_t period_ms, uint64_t* id) noexcept {
        static constexpr uint64_t kYear = uint64_t(365) * 24 * 3600 * 1000;
        const auto span = [](uint64_t ms) {
            return std::chrono::milliseconds(std::min<uint64_t>(ms, kYear));
        };
        try {
            uint64_t own = 0;
            HostServices& self = of(host);
            return self.surroundings_.tasks.post(&self, fn, arg, {span(delay_ms), span(period_ms)},
                                                 id ? *id : own);
        } catch (const std::exception&) {
            return ENGRAM_RESOURCE_EXHAUSTED;
        }
    }

    static void cancel(const engram_host* host, uint64_t id) {
        HostServices& self = of(host);
        self.surroundings_.tasks.cancel(&self, id);
    }

    static engram_str path(const engram_host* host) { return borrow(of(host).folder_); }

    static const ControlPlane* plane(const engram_host* host) {
        return of(host).surroundings_.control_plane.load(std::memory_order_acquire);
    }
    static engram_status absent(engram_call* call) {
        return fail(call, ENGRAM_UNAVAILABLE, "the directory answers from start() on");
    }
    static engram_status directoryGet(const engram_host* host, engram_call* call, uint32_t kind,
                                      engram_str tenant, engram_str key, uint32_t by_name, engram_doc* out) {
        const ControlPlane* p = plane(host);
        return p ? p->table->get(p->self, call, kind, tenant, key, by_name, out) : absent(call);
    }
    static engram_status directoryList(const engram_host* host, engram_call* call, uint32_t kind,
                                       engram_str tenant, engram_str after, uint32_t limit,
                                       const engram_docs* docs) {
        const ControlPlane* p = plane(host);
        return p ? p->table->list(p->self, call, kind, tenant, after, limit, docs) : absent(call);
    }
    static engram_status directoryApply(const engram_host* host, engram_call* call,
                                        const engram_doc_change* changes, size_t n, uint64_t* epoch) {
        const ControlPlane* p = plane(host);
        return p ? p->table->apply(p->self, call, changes, n, epoch) : absent(call);
    }
    static engram_status directoryChanges(const engram_host* host, engram_call* call, uint64_t after,
                                          uint32_t wait_ms, const engram_docs* docs) {
        const ControlPlane* p = plane(host);
        return p ? p->table->changes(p->self, call, after, wait_ms, docs) : absent(call);
    }
    static uint64_t directoryEpoch(const engram_host* host) {
        const ControlPlane* p = plane(host);
        return p ? p->table->epoch(p->self) : 0;
    }

    static constexpr engram_host_json_v1 kJson = {sizeof(engram_host_json_v1), 0, &jsonAt};
    static constexpr engram_host_metrics_v1 kMetrics = {sizeof(engram_host_metrics_v1), 0, &define, &add};
    static constexpr engram_host_tasks_v1 kTasks = {sizeof(engram_host_tasks_v1), 0, &post, &cancel};
    static constexpr engram_host_state_dir_v1 kStateDir = {sizeof(engram_host_state_dir_v1), 0, &path};
    static constexpr engram_host_directory_v1 kDirectory = {sizeof(engram_host_directory_v1),
                                                            0,
                                                            &directoryGet,
                                                            &directoryList,
                                                            &directoryApply,
                                                            &directoryChanges,
                                                            &directoryEpoch};
};

HostServices::HostServices(std::string instance, const Manifest& manifest, Surroundings& surroundings)
    : instance_(std::move(instance)), manifest_(manifest), surroundings_(surroundings) {
    const bool storage = manifest.offers("engram.storage/1");
    folder_ = (surroundings.outlets.data / (storage ? "tenants" : instance_)).string();
    metric_prefix_ = "engram_" + manifest.id + "_";
    for (char& c : metric_prefix_)
        if (c == '-' || c == '.') c = '_';
    log_ = {sizeof(engram_host_log_v1), surroundings.outlets.min_log_level, &Tables::log};
    handle_.host = {sizeof(engram_host),        ENGRAM_ABI_MINOR,  engram_lit("engram"),
                    engram_lit(ENGRAM_VERSION), borrow(instance_), &HostServices::get};
    handle_.self = this;
}

bool HostServices::wantsFolder() const {
    return manifest_.asksFor(ENGRAM_HOST_STATE_DIR);
}

HostServices& HostServices::of(const engram_host* host) {
    return *reinterpret_cast<const Handle*>(host)->self;
}

const void* HostServices::get(const engram_host* host, const char* id) {
    const HostServices& self = of(host);
    const std::string_view wanted = id ? id : "";
    if (!self.manifest_.asksFor(wanted)) return nullptr;
    if (wanted == ENGRAM_HOST_LOG) return &self.log_;
    if (wanted == ENGRAM_HOST_JSON) return &Tables::kJson;
    if (wanted == ENGRAM_HOST_METRICS) return &Tables::kMetrics;
    if (wanted == ENGRAM_HOST_TASKS) return &Tables::kTasks;
    if (wanted == ENGRAM_HOST_STATE_DIR) return &Tables::kStateDir;
    if (wanted == ENGRAM_HOST_DIRECTORY) return &Tables::kDirectory;
    return nullptr;
}

bool offersService(std::string_view id) {
    constexpr std::string_view kOffered[] = {ENGRAM_HOST_LOG,   ENGRAM_HOST_JSON,      ENGRAM_HOST_METRICS,
                                             ENGRAM_HOST_TASKS, ENGRAM_HOST_STATE_DIR, ENGRAM_HOST_DIRECTORY};
    return std::find(std::begin(kOffered), std::end(kOffered), id) != std::end(kOffered);
}

}  // namespace engram::loader
