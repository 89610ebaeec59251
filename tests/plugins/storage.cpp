// Memories in a map: no history, no search index, no disk. Just enough of storage to put, delete, get and list.
#include <engram/cpp/batch_check.hpp>
#include <engram/cpp/storage.hpp>

#include <cstring>
#include <map>
#include <mutex>

namespace {

struct Kept {
    engram_record record;
    std::string workspace, type, text, metadata;
};

class TinyStorage {
public:
    TinyStorage(engram::Host, engram::Config) {}

    engram_status open(engram_call*, engram_str, uint32_t, uint64_t* db) { return *db = 1, ENGRAM_OK; }
    engram_status close(engram_call*, uint64_t) { return ENGRAM_OK; }
    engram_status stats(engram_call*, uint64_t, engram_storage_stats* out) {
        std::lock_guard lock(mutex_);
        out->lsn = lsn_;
        return ENGRAM_OK;
    }
    engram_status erase(engram_call*, engram_str) { return ENGRAM_UNIMPLEMENTED; }

    engram_status apply(engram_call* call, uint64_t, const engram_batch* batches, size_t n, engram_apply_result* results) {
        std::lock_guard lock(mutex_);
        for (size_t b = 0; b < n; ++b) {
            engram_apply_result& result = results[b];
            const std::string why = engram::batch_check::complaint(batches[b], [](uint32_t) { return 0u; });
            if (!why.empty()) {
                result.outcome = ENGRAM_APPLY_REFUSED;
                result.message = engram::keep(call, why);
                continue;
            }
            result.outcome = ENGRAM_APPLY_DONE;
            result.first_lsn = lsn_ + 1;
            for (size_t i = 0; i < batches[b].n_ops && result.outcome == ENGRAM_APPLY_DONE; ++i)
                result.outcome = applyOp(batches[b].ops[i]);
            result.lsn = lsn_;
        }
        return ENGRAM_OK;
    }

    engram_status begin(engram_call*, uint64_t, uint64_t, uint64_t, uint64_t* view, uint64_t* lsn) {
        std::lock_guard lock(mutex_);
        *view = 1;
        *lsn = lsn_;
        return ENGRAM_OK;
    }
    void end(uint64_t) noexcept {}

    engram_status get(engram_call*, uint64_t, const engram_ref* refs, size_t n, uint32_t, const engram_rows* rows) {
        std::lock_guard lock(mutex_);
        for (size_t i = 0; i < n; ++i) {
            const auto found = records_.find(keyOf(refs[i].id));
            if (found == records_.end()) continue;
            if (const engram_status status = push(found->second, i, *rows); status != ENGRAM_OK) return status;
        }
        return ENGRAM_OK;
    }
    engram_status list(engram_call*, uint64_t, const engram_list_query* query, const engram_rows* rows, engram_str* next) {
        std::lock_guard lock(mutex_);
        size_t index = 0;
        for (const auto& [id, kept] : records_)
            if (index < query->limit && kept.record.expires_at == ENGRAM_TIME_NONE)  // all that it knows of filters
                if (const engram_status status = push(kept, index++, *rows); status != ENGRAM_OK) return status;
        *next = {};
        return ENGRAM_OK;
    }

    engram_status history(engram_call*, uint64_t, const engram_uuid*, uint32_t, const engram_rows*) { return ENGRAM_UNIMPLEMENTED; }
    engram_status edges(engram_call*, uint64_t, const engram_uuid*, uint32_t, const engram_edges*) { return ENGRAM_UNIMPLEMENTED; }
    engram_status terms(engram_call*, uint64_t, const engram_scope*, const engram_str*, size_t, uint64_t*, engram_term_stats*) {
        return ENGRAM_UNIMPLEMENTED;
    }
    engram_status expand(engram_call*, uint64_t, const engram_scope*, engram_str, uint32_t, void*,
                         engram_status (*)(void*, engram_str, uint64_t)) {
        return ENGRAM_UNIMPLEMENTED;
    }
    engram_status match(engram_call*, uint64_t, const engram_scope*, const engram_str*, size_t, const engram_postings*) {
        return ENGRAM_UNIMPLEMENTED;
    }
    engram_status nearest(engram_call*, uint64_t, const engram_scope*, uint32_t, const float*, uint32_t, engram_neighbour*,
                          size_t*) {
        return ENGRAM_UNIMPLEMENTED;
    }
    engram_status spaceCreate(engram_call*, uint64_t, engram_space*) { return ENGRAM_UNIMPLEMENTED; }
    engram_status spaceActivate(engram_call*, uint64_t, uint32_t) { return ENGRAM_UNIMPLEMENTED; }
    engram_status spaceDrop(engram_call*, uint64_t, uint32_t) { return ENGRAM_UNIMPLEMENTED; }
    engram_status spaces(engram_call*, uint64_t, const engram_spaces*) { return ENGRAM_OK; }
    engram_status changes(engram_call*, uint64_t, uint64_t, uint32_t, uint32_t, const engram_changes*) { return ENGRAM_UNIMPLEMENTED; }
    engram_status hold(engram_call*, uint64_t, engram_str, uint64_t) { return ENGRAM_UNIMPLEMENTED; }
    engram_status snapshot(engram_call*, uint64_t, const engram_sink*, uint64_t*) { return ENGRAM_UNIMPLEMENTED; }
    engram_status restore(engram_call*, engram_str, const engram_source*) { return ENGRAM_UNIMPLEMENTED; }

private:
    static std::string keyOf(const engram_uuid& id) { return {reinterpret_cast<const char*>(id.bytes), sizeof id.bytes}; }

    static engram_status push(const Kept& kept, size_t index, const engram_rows& rows) {
        engram_record record = kept.record;
        record.workspace = engram::borrow(kept.workspace);
        record.type = engram::borrow(kept.type);
        record.text = engram::borrow(kept.text);
        record.metadata = engram::borrow(kept.metadata);
        record.name = {};
        record.n_tags = record.n_terms = record.n_vectors = 0;
        return rows.row(rows.ctx, index, &record);
    }

    uint32_t applyOp(const engram_op& op) {
        if (op.kind != ENGRAM_OP_PUT && op.kind != ENGRAM_OP_DELETE) return ENGRAM_APPLY_REFUSED;
        const std::string key = keyOf(op.record->id);
        if (op.kind == ENGRAM_OP_DELETE) return records_.erase(key) ? (++lsn_, ENGRAM_APPLY_DONE) : ENGRAM_APPLY_ABSENT;
        const auto old = records_.find(key);
        Kept kept{*op.record, std::string(engram::view(op.record->workspace)), std::string(engram::view(op.record->type)),
                  std::string(engram::view(op.record->text)), std::string(engram::view(op.record->metadata))};
        kept.record.version = old == records_.end() ? 1 : old->second.record.version + 1;
        kept.record.rid = kept.record.lsn_from = ++lsn_;
        kept.record.lsn_to = ENGRAM_LSN_MAX;
        records_[key] = kept;
        return ENGRAM_APPLY_DONE;
    }

    std::mutex mutex_;
    std::map<std::string, Kept> records_;
    uint64_t lsn_ = 0;
};

}  // namespace

ENGRAM_PLUGIN(TinyStorage, R"({"id": "tiny-storage", "version": "1.0.0", "kind": "storage", "provides": ["engram.storage/1"]})",
              engram::storage)
