// A control plane in memory: one tenant, and whatever documents are put beside it.
#include <engram/cpp/tenancy.hpp>

#include <map>
#include <mutex>
#include <tuple>

namespace {

using Key = std::tuple<uint32_t, std::string, std::string>;  // kind, tenant, id

struct Stored {
    std::string json;
    uint64_t version = 1, epoch = 1;
};

constexpr const char* kTenant = "01a00000-0000-7000-8000-000000000001";

class TinyTenancy {
public:
    TinyTenancy(engram::Host, engram::Config config) {
        const std::string slug = config.text("/slug", "tiny");
        documents_[{ENGRAM_DOC_TENANT, "", kTenant}].json =
            std::string(R"({"id":")") + kTenant + R"(","slug":")" + slug + R"(","name":"Tiny","status":"active",)" +
            R"("owner_user_id":"local:owner","plan":"free","created_at":"2026-01-01T00:00:00.000Z"})";
    }

    engram_status resolve(engram_call* call, engram_str slug_or_id, engram_doc* out) {
        const engram_status status = get(call, ENGRAM_DOC_TENANT, {}, slug_or_id, 1, out);
        return status == ENGRAM_OK ? status : get(call, ENGRAM_DOC_TENANT, {}, slug_or_id, 0, out);
    }
    engram_status member(engram_call* call, engram_str tenant, engram_str subject, engram_doc* out) {
        return get(call, ENGRAM_DOC_MEMBER, tenant, subject, 0, out);
    }
    engram_status get(engram_call* call, uint32_t kind, engram_str tenant, engram_str key, uint32_t by_name,
                      engram_doc* out) {
        std::lock_guard lock(mutex_);
        for (const auto& entry : documents_) {
            const auto& [entry_kind, entry_tenant, id] = entry.first;
            if (entry_kind != kind || (tenant.len > 0 && entry_tenant != engram::view(tenant))) continue;
            const std::string name = '"' + std::string(engram::view(key)) + '"';
            const bool is_it = by_name == 0 ? id == engram::view(key) : entry.second.json.find(name) != std::string::npos;
            if (!is_it) continue;
            fill(call, entry, *out);
            return ENGRAM_OK;
        }
        return ENGRAM_NOT_FOUND;
    }
    engram_status list(engram_call* call, uint32_t kind, engram_str tenant, engram_str after, uint32_t limit,
                       const engram_docs* sink) {
        std::lock_guard lock(mutex_);
        auto it = documents_.upper_bound({kind, std::string(engram::view(tenant)), std::string(engram::view(after))});
        for (; it != documents_.end() && limit > 0; ++it, --limit) {
            if (std::get<0>(it->first) != kind || std::get<1>(it->first) != engram::view(tenant)) break;
            engram_doc document{};
            fill(call, *it, document);
            if (const engram_status status = sink->doc(sink->ctx, &document); status != ENGRAM_OK) return status;
        }
        return ENGRAM_OK;
    }
    engram_status apply(engram_call*, const engram_doc_change* changes, size_t n, uint64_t* epoch) {
        std::lock_guard lock(mutex_);
        ++epoch_;
        for (size_t i = 0; i < n; ++i) {
            const Key key{changes[i].kind, std::string(engram::view(changes[i].tenant)),
                          std::string(engram::view(changes[i].id))};
            if (changes[i].json.len == 0) documents_.erase(key);
            else documents_[key] = {std::string(engram::view(changes[i].json)), documents_[key].version + 1, epoch_};
        }
        *epoch = epoch_;
        return ENGRAM_OK;
    }
    engram_status changes(engram_call*, uint64_t, uint32_t, const engram_docs*) { return ENGRAM_OK; }
    uint64_t epoch() noexcept {
        std::lock_guard lock(mutex_);
        return epoch_;
    }

private:
    static void fill(engram_call* call, const std::pair<const Key, Stored>& entry, engram_doc& out) {
        out.size = sizeof out;
        out.kind = std::get<0>(entry.first);
        out.tenant = engram::keep(call, std::get<1>(entry.first));
        out.id = engram::keep(call, std::get<2>(entry.first));
        out.json = engram::keep(call, entry.second.json);
        out.version = entry.second.version;
        out.epoch = entry.second.epoch;
    }

    std::mutex mutex_;
    std::map<Key, Stored> documents_;
    uint64_t epoch_ = 1;
};

}  // namespace

ENGRAM_PLUGIN(TinyTenancy, R"({
  "id": "tiny-tenancy", "version": "1.0.0", "kind": "tenancy", "provides": ["engram.tenancy/1"],
  "services": ["engram.host.json/1"],
  "config": {"type": "object", "properties": {"slug": {"type": "string"}}}
})", engram::tenancy)
