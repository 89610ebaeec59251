// What engram/cpp/batch_check.hpp refuses; the conformance suite asks each storage for the rest.
#include <engram/cpp/batch_check.hpp>

#include "support/test.hpp"

namespace {

std::string complaintOf(uint32_t pinned, uint32_t op = ENGRAM_OP_PUT) {
    engram_record record{};
    record.size = sizeof record;
    record.kind = ENGRAM_KIND_MEMORY;
    record.workspace = engram_lit("default");
    record.pinned = pinned;
    const engram_op one{sizeof one, op, &record, nullptr, ENGRAM_VERSION_ANY};
    engram_batch batch{};
    batch.size = sizeof batch;
    batch.ops = &one;
    batch.n_ops = 1;
    return engram::batch_check::complaint(batch, [](uint32_t) { return 0u; });
}

}  // namespace

TEST("a record is pinned or not; anything else is refused where a record is put") {
    CHECK_TEXT("", complaintOf(0));
    CHECK_TEXT("", complaintOf(1));
    CHECK_TEXT("pinned is 0 or 1", complaintOf(2));
    CHECK_TEXT("pinned is 0 or 1", complaintOf(UINT32_MAX));
    CHECK_TEXT("", complaintOf(2, ENGRAM_OP_DELETE));
}
