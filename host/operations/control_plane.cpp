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
        case ENGRAM_OUT_OF_RANGE: return {"too_many", std::string(what) + why, "", ""};
        case ENGRAM_INVALID_ARGUMENT: return {"invalid_value", std::string(what) + why, "", ""};
        case ENGRAM_RESOURCE_EXHAUSTED: return {"storage_full", std::string(what) + " could not be written", "", "", call.message()};
        case ENGRAM_UNAVAILABLE:
        case ENGRAM_DEADLINE_EXCEEDED: return {"unavailable", std::string(what) + " is not available", "", "", call.message()};
        case ENGRAM_UNIMPLEMENTED: return {"not_implemented", std::string(what) + ": the plugin cannot do that", "", "", call.message()};
        default: return {"internal", std::string(what) + " failed", "", "", "status " + std::to_string(status) + why};
    }
}

Result<void> eachDocument(const engram_tenancy_v1* table, void* self, uint32_t kind, const std::string& tenant,
                          const std::function<void(const engram_doc&, const json::Value&)>& each) {
    std::string after;
    do {
        auto next = pageOfDocuments(table, self, kind, tenant, after, kPage, each);
        if (!next) return next.error();
        after = std::move(*next);
    } while (!after.empty());
    return {};
}

Result<std::string> pageOfDocuments(const engram_tenancy_v1* table, void* self, uint32_t kind, const std::string& tenant,
                                    const std::string& after, uint32_t limit,
                                    const std::function<void(const engram_doc&, const json::Value&)>& each) {
    Collector collector{each, {}, 0};
    const engram_docs docs = {sizeof docs, 0, &collector, &Collector::take};
    ArenaCall call(0, kCallBudget);
    call.setTenant(tenant);
    const engram_status status = table->list(self, call, kind, borrow(tenant), borrow(after), limit, &docs);
    if (status != ENGRAM_OK) return controlPlaneError(status, call, "listing");
    return collector.seen < limit ? std::string() : collector.last;
}

Result<std::optional<StoredDocument>> findDocument(const engram_tenancy_v1* table, void* self, uint32_t kind,
                                                   const std::string& tenant, std::string_view key, By by) {
    ArenaCall call;
    call.setTenant(tenant);
    engram_doc doc{};
    doc.size = sizeof doc;
    const engram_status status =
        table->get(self, call, kind, borrow(tenant), borrow(key), by == By::Name ? 1 : 0, &doc);
    if (status == ENGRAM_NOT_FOUND || (status == ENGRAM_OK && !tenant.empty() && view(doc.tenant) != tenant))
        return std::optional<StoredDocument>();
    if (status != ENGRAM_OK) return controlPlaneError(status, call, key);
    auto value = json::parse(view(doc.json));
    if (!value) return value.error();
    return std::optional<StoredDocument>(
        StoredDocument{std::move(*value), std::string(view(doc.id)), std::string(view(doc.tenant)), doc.version});
}

Result<void> applyDocuments(const engram_tenancy_v1* table, void* self, const std::vector<DocumentChange>& changes,
                            std::string_view what) {
    std::vector<engram_doc_change> abi;
    for (const DocumentChange& change : changes) {
        engram_doc_change c{};
        c.size = sizeof c;
        c.kind = change.kind;
        c.tenant = borrow(change.tenant);
        c.id = borrow(change.id);
        c.json = borrow(change.json);
        c.expected = change.expected;
        c.max_count = change.max_count;
        abi.push_back(c);
    }
    ArenaCall call;
    uint64_t epoch = 0;
    const engram_status status = table->apply(self, call, abi.data(), abi.size(), &epoch);
    if (status != ENGRAM_OK) return controlPlaneError(status, call, what);
    return {};
}

void setText(json::Document& document, std::string_view name, std::string_view text) {
    auto& allocator = document.GetAllocator();
    document.RemoveMember(json::copy(name, allocator));
    document.AddMember(json::copy(name, allocator), json::copy(text, allocator), allocator);
}

}  // namespace engram::operations
