#include "engine/storage.hpp"

namespace engram::engine {

Error storageError(engram_status status, const ArenaCall& call) {
    switch (status) {
        case ENGRAM_AGAIN: return {"again", "storage would block", "", ""};
        case ENGRAM_OUT_OF_RANGE:
            return {"unavailable", "the tenant has not reached the wanted LSN", "try again in a moment", ""};
        case ENGRAM_RESOURCE_EXHAUSTED: return {"storage_full", "storage is full", "", "", call.message()};
        case ENGRAM_DATA_LOSS: return {"tenant_damaged", "the tenant's file is damaged", "", "", call.message()};
        case ENGRAM_UNAVAILABLE:
        case ENGRAM_DEADLINE_EXCEEDED: return {"unavailable", "storage does not answer", "", "", call.message()};
        case ENGRAM_UNIMPLEMENTED: return {"not_implemented", "the storage plugin cannot do that", "", "", call.message()};
        case ENGRAM_INVALID_ARGUMENT: return {"invalid_value", call.message(), "", ""};
        default:
            return {"internal", "storage failed", "", "", "status " + std::to_string(status) + " " + call.message()};
    }
}

Result<View> View::begin(const StorageBinding& storage, ArenaCall& call, uint64_t db, uint64_t at_least_lsn,
                         uint64_t at_lsn) {
    uint64_t view = 0, lsn = 0;
    const engram_status status =
        storage.table->begin(storage.self, call, db, at_lsn, at_least_lsn, &view, &lsn);
    if (status != ENGRAM_OK) return storageError(status, call);
    return View(storage, view, lsn);
}

}  // namespace engram::engine
