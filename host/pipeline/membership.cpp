#include "pipeline/stages.hpp"

namespace engram::pipeline {

Step checkMembership(Context& context, const http::Request&, State& state) {
    if (!state.must_be_member) return Flow::Next;
    engram_doc doc{};
    doc.size = sizeof doc;
    const engram_status status = context.tenancy.table->member(
        context.tenancy.self, state.call, borrow(state.caller.tenant_id), borrow(state.caller.subject), &doc);
    if (status == ENGRAM_OK) return Flow::Next;
    if (status == ENGRAM_AGAIN) return Flow::Lane;
    // The answer for an unknown tenant: who is no member must not learn that it exists.
    if (status == ENGRAM_NOT_FOUND)
        return Error{"tenant_not_found", "no tenant '" + state.caller.tenant_slug + "' for this credential", "", ""};
    return Error{"unavailable", "the control plane does not answer", "", ""};
}

}  // namespace engram::pipeline
