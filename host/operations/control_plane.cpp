#include "operations/control_plane.hpp"

namespace engram::operations {
namespace {

constexpr uint32_t kPage = 200;
constexpr size_t kCallBudget = 8u << 20;

struct Collector {
    const std::function<void(const engram_doc&, const json::Value&)>& each;
    std::string last;
    uint32_t seen = 0;

    static engram_status take(void* ctx, const engram_doc* doc) {
        auto& self = *static_cast<Collector*>(ctx);
        self.last = view(doc->id);
        ++self.seen;
        if (auto parsed = json::parse(view(doc->json))) self.each(*doc, *parsed);
        return ENGRAM_OK;
    }
};

}  // namespace

Error controlPlaneError(engram_status status, const ArenaCall& call, std::string_view what) {
    const std::string why = call.message().empty() ? std::string() : ": " + call.message();
    switch (status) {
        case ENGRAM_ALREADY_EXISTS: return {"already_exists", std::string(what) + " exists already" + why, "", ""};
        case ENGRAM_ABORTED: return {"version_conflict", std::string(what) + " was changed meanwhile", "", ""};
        case ENGRAM_INVALID_ARGUMENT: return {"invalid_value", std::string(what) + why, "", ""};
        case ENGRAM_UNAVAILABLE:
        case ENGRAM_DEADLINE_EXCEEDED: return {"unavailable", std::string(what) + " is not available", "", "", call.message()};
        case ENGRAM_UNIMPLEMENTED: return {"not_implemented", std::string(what) + ": the plugin cannot do that", "", "", call.message()};
        default: return {"internal", std::string(what) + " failed", "", "", "status " + std::to_string(status) + why};
    }
}

Result<void> eachDocument(const engram_tenancy_v1* table, void* self, uint32_t kind, const std::string& tenant,
                          const std::function<void(const engram_doc&, const json::Value&)>& each) {
    Collector collector{each, {}, 0};
    const engram_docs docs = {sizeof docs, 0, &collector, &Collector::take};
    std::string after;
    do {
        ArenaCall call(0, kCallBudget);
        call.setTenant(tenant);
        collector.seen = 0;
        const engram_status status =
            table->list(self, call, kind, borrow(tenant), borrow(after), kPage, &docs);
        if (status != ENGRAM_OK) return controlPlaneError(status, call, "listing");
        after = collector.last;
    } while (collector.seen == kPage);
    return {};
}

}  // namespace engram::operations
