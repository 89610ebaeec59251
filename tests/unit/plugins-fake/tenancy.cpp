// A control plane with one document and an epoch of 7.
#include <engram/cpp/tenancy.hpp>

namespace {

class Tenancy {
public:
    Tenancy(engram::Host, engram::Config) {}

    engram_status resolve(engram_call* call, engram_str slug, engram_doc* out) {
        return get(call, ENGRAM_DOC_TENANT, {}, slug, 1, out);
    }
    engram_status member(engram_call*, engram_str, engram_str, engram_doc*) { return ENGRAM_NOT_FOUND; }
    engram_status get(engram_call* call, uint32_t kind, engram_str, engram_str key, uint32_t,
                      engram_doc* out) {
        if (engram::view(key) != "acme") return ENGRAM_NOT_FOUND;
        *out = {};
        out->size = sizeof *out;
        out->kind = kind;
        out->json = engram::keep(call, R"({"slug":"acme"})");
        out->version = 1;
        return ENGRAM_OK;
    }
    engram_status list(engram_call*, uint32_t, engram_str, engram_str, uint32_t, const engram_docs*) {
        return ENGRAM_OK;
    }
    engram_status apply(engram_call* call, const engram_doc_change*, size_t, uint64_t*) {
        return engram::fail(call, ENGRAM_PERMISSION_DENIED, "read-only");
    }
    engram_status changes(engram_call*, uint64_t, uint32_t, const engram_docs*) { return ENGRAM_OK; }
    uint64_t epoch() noexcept { return 7; }
};

}  // namespace

ENGRAM_PLUGIN(Tenancy,
              R"({"id":"fake-tenancy","version":"1.0.0","kind":"tenancy","provides":["engram.tenancy/1"]})",
              engram::tenancy)
