#include "engine/tenant_writer.hpp"

#include <engram/cpp/text.hpp>

#include <pthread.h>

namespace engram::engine {
namespace {

constexpr size_t kApplyBudget = 16u << 20;

// The arrays of one apply(), pointing into the pending writes.
struct Lowered {
    std::vector<std::vector<engram_op>> ops;
    std::vector<std::vector<engram_limit>> limits;
    std::vector<engram_batch> batches;
    std::vector<engram_apply_result> results;
};

Lowered lower(std::span<PendingWrite> group) {
    Lowered out;
    out.ops.resize(group.size());
    out.limits.resize(group.size());
    for (size_t i = 0; i < group.size(); ++i) {
        PendingWrite& write = group[i];
        for (WriteOp& op : write.ops)
            out.ops[i].push_back({sizeof(engram_op), op.kind, op.memory.record(), nullptr, op.expected});
        for (const Limit& limit : write.options.limits) out.limits[i].push_back({borrow(limit.counter), limit.max});
        engram_batch batch{};
        batch.size = sizeof batch;
        batch.ops = out.ops[i].data();
        batch.n_ops = out.ops[i].size();
        batch.limits = out.limits[i].data();
        batch.n_limits = out.limits[i].size();
        batch.idempotency_key = borrow(write.options.idempotency_key);
        if (!write.options.idempotency_key.empty()) {
            batch.request_hash = {write.options.request_hash.data(), write.options.request_hash.size()};
            batch.answer = borrowBytes(write.answer);
        }
        batch.now = write.now;
        out.batches.push_back(batch);
    }
    engram_apply_result result{};
    result.size = sizeof result;
    out.results.assign(group.size(), result);
    return out;
}

// Out of memory while answering drops the request, whose client is told so; the write stands.
template <class Make>
void finish(PendingWrite& write, Make outcome) {
    const auto done = std::move(write.done);
    try {
        done(outcome());
    } catch (const std::bad_alloc&) {
    }
}

}  // namespace

WriterThreads::WriterThreads(Options options) : options_(options) {
    for (unsigned i = 0; i < std::max(1u, options_.threads); ++i) {
        threads_.emplace_back([this] { run(); });
        pthread_setname_np(threads_.back().native_handle(), "writer");
    }
}

void WriterThreads::submit(const std::shared_ptr<TenantWriter>& tenant, PendingWrite write) {
    // Made before the lock: from here on nothing can fail for want of memory, so a write is either taken or not.
    std::list<PendingWrite> one;
    std::list<std::shared_ptr<TenantWriter>> turn(1, tenant);
    one.push_back(std::move(write));
    Error refusal;
    {
        std::lock_guard lock(mutex_);
        if (phase_ == Phase::Stopping) {
            refusal = {"unavailable", "the server is stopping", "", ""};
        } else if (tenant->waiting_ >= options_.mailbox_limit) {
            refusal = {"overloaded", "the tenant has too many writes waiting", "", ""};
        } else {
            tenant->mailbox_.splice(tenant->mailbox_.end(), one);
            ++tenant->waiting_;
            if (tenant->scheduled_) return;
            tenant->scheduled_ = true;
            ready_.splice(ready_.end(), turn);
        }
    }
    if (!refusal.code.empty()) return one.front().done(std::move(refusal));
    wake_.notify_one();
}

void WriterThreads::run() {
    std::vector<PendingWrite> group;
    group.reserve(options_.group_limit);  // once: nothing from here to the answers needs memory of its own
    std::unique_lock lock(mutex_);
    while (true) {
        wake_.wait(lock, [this] { return !ready_.empty() || phase_ == Phase::Stopping; });
        if (ready_.empty()) return;
        std::list<std::shared_ptr<TenantWriter>> turn;
        turn.splice(turn.end(), ready_, ready_.begin());
        TenantWriter* const tenant = turn.front().get();
        size_t bytes = 0;
        while (!tenant->mailbox_.empty() && group.size() < options_.group_limit && bytes < options_.group_bytes) {
            for (const WriteOp& op : tenant->mailbox_.front().ops) bytes += op.memory.bytes();
            group.push_back(std::move(tenant->mailbox_.front()));
            tenant->mailbox_.pop_front();
            --tenant->waiting_;
        }
        lock.unlock();
        apply(*tenant, group);
        group.clear();
        lock.lock();
        if (tenant->mailbox_.empty()) {
            tenant->scheduled_ = false;
        } else {
            ready_.splice(ready_.end(), turn);
            wake_.notify_one();
        }
    }
}

// One that storage cannot take must not take the others of its group with it: they are tried again alone.
void WriterThreads::apply(TenantWriter& tenant, std::span<PendingWrite> group) {
    if (applyTogether(tenant, group)) return;
    for (size_t i = 0; i < group.size(); ++i) apply(tenant, group.subspan(i, 1));
}

// False: nothing was applied and nobody was told, since it may be the fault of one.
bool WriterThreads::applyTogether(TenantWriter& tenant, std::span<PendingWrite> group) {
    Lowered lowered;
    try {
        lowered = lower(group);
    } catch (const std::bad_alloc&) {
        if (group.size() > 1) return false;
        finish(group[0], [] { return Error{"out_of_memory", "memory ran out while writing", "", ""}; });
        return true;
    }
    ArenaCall call(0, kApplyBudget);
    const engram_status status = tenant.storage_.table->apply(tenant.storage_.self, call, tenant.db_,
                                                              lowered.batches.data(), lowered.batches.size(),
                                                              lowered.results.data());
    const bool one_may_be_at_fault = status == ENGRAM_RESOURCE_EXHAUSTED || status == ENGRAM_INTERNAL;
    if (one_may_be_at_fault && group.size() > 1) return false;
    for (size_t i = 0; i < group.size(); ++i) {
        if (status != ENGRAM_OK) finish(group[i], [&] { return storageError(status, call); });
        else finish(group[i], [&] { return outcomeOf(group[i], lowered.results[i]); });
    }
    return true;
}

Outcome WriterThreads::outcomeOf(PendingWrite& write, const engram_apply_result& result) {
    Outcome outcome;
    outcome.outcome = result.outcome;
    outcome.lsn = result.lsn;
    outcome.current_version = result.current_version;
    outcome.current_count = result.current_count;
    outcome.count_before = result.count_before;
    outcome.message = view(result.message);
    if (result.outcome == ENGRAM_APPLY_LIMIT && result.failed_limit < write.options.limits.size()) {
        outcome.limit = write.options.limits[result.failed_limit].max;
        outcome.limited_unit = write.options.limits[result.failed_limit].unit;
    }
    outcome.answer = result.outcome == ENGRAM_APPLY_REPLAYED ? std::string(view(result.answer)) : std::move(write.answer);
    return outcome;
}

void WriterThreads::stop() {
    {
        std::lock_guard lock(mutex_);
        phase_ = Phase::Stopping;
    }
    wake_.notify_all();
    for (std::thread& thread : threads_)
        if (thread.joinable()) thread.join();
}

}  // namespace engram::engine
