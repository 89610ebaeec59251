#include "engine/as_of.hpp"

namespace engram::engine {
namespace {

constexpr uint32_t kLooked = 16;  // changes at a time: a purge has no time of its own

struct TimedChange {
    uint64_t lsn;
    int64_t time;
};

// The first change after an LSN that has a time; nothing if there is none.
Result<std::optional<TimedChange>> firstAfter(const StorageBinding& storage, ArenaCall& call, uint64_t db, uint64_t lsn) {
    struct Sink {
        std::optional<TimedChange> found;
        uint64_t last = 0;
        uint32_t n = 0;
    };
    for (uint64_t after = lsn;;) {
        Sink sink;
        auto push = [](void* ctx, const engram_change* change) -> engram_status {
            auto& into = *static_cast<Sink*>(ctx);
            into.last = change->lsn;
            ++into.n;
            if (into.found) return ENGRAM_OK;
            if (change->kind == ENGRAM_CHANGE_PUT || change->kind == ENGRAM_CHANGE_DELETE)
                into.found = {change->lsn, change->record->updated_at};
            return ENGRAM_OK;
        };
        const engram_changes changes = {sizeof(engram_changes), 0, &sink, push};
        const engram_status status = storage.table->changes(storage.self, call, db, after, kLooked, 0, &changes);
        if (status == ENGRAM_OUT_OF_RANGE)
            return Error{"invalid_value", "the tenant's history does not reach back that far", "ask for a later time, or an LSN", "/as_of"};
        if (status != ENGRAM_OK) return storageError(status, call);
        if (sink.found || sink.n < kLooked) return sink.found;
        after = sink.last;
    }
}

}  // namespace

Result<uint64_t> lsnAt(const StorageBinding& storage, ArenaCall& call, uint64_t db, int64_t time) {
    engram_storage_stats stats{};
    stats.size = sizeof stats;
    if (const engram_status status = storage.table->stats(storage.self, call, db, &stats); status != ENGRAM_OK)
        return storageError(status, call);
    uint64_t low = 0, high = stats.lsn;
    while (low < high) {
        const uint64_t middle = low + (high - low) / 2;
        auto change = firstAfter(storage, call, db, middle);
        if (!change) return change.error();
        if (*change && (*change)->time <= time) low = (*change)->lsn;
        else high = middle;
    }
    return low;
}

Result<std::optional<int64_t>> timeOf(const StorageBinding& storage, ArenaCall& call, uint64_t db, uint64_t lsn) {
    if (lsn == 0) return std::optional<int64_t>();
    auto change = firstAfter(storage, call, db, lsn - 1);
    if (!change) return std::optional<int64_t>();
    return *change ? std::optional<int64_t>((*change)->time) : std::nullopt;
}

}  // namespace engram::engine
