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

Lowered lower(std::vector<PendingWrite>& group) {
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

}  // namespace

WriterThreads::WriterThreads(Options options) : options_(options) {
    for (unsigned i = 0; i < std::max(1u, options_.threads); ++i) {
        threads_.emplace_back([this] { run(); });
        pthread_setname_np(threads_.back().native_handle(), "writer");
    }
}

void WriterThreads::submit(const std::shared_ptr<TenantWriter>& tenant, PendingWrite write) {
    const char* refusal = nullptr;
    {
        std::lock_guard lock(mutex_);
        if (phase_ == Phase::Stopping) refusal = "unavailable";
        else if (tenant->mailbox_.size() >= options_.mailbox_limit) refusal = "overloaded";
        else {
            tenant->mailbox_.push_back(std::move(write));
            if (tenant->scheduled_) return;
            tenant->scheduled_ = true;
            ready_.push_back(tenant);
        }
    }
    if (refusal) return write.done(Error{refusal, "the tenant has too many writes waiting", "", ""});
    wake_.notify_one();
}

void WriterThreads::run() {
    std::unique_lock lock(mutex_);
    while (true) {
        wake_.wait(lock, [this] { return !ready_.empty() || phase_ == Phase::Stopping; });
        if (ready_.empty()) return;
        std::shared_ptr<TenantWriter> tenant = std::move(ready_.front());
        ready_.pop_front();
        std::vector<PendingWrite> group;
        size_t bytes = 0;
        while (!tenant->mailbox_.empty() && group.size() < options_.group_limit && bytes < options_.group_bytes) {
            for (const WriteOp& op : tenant->mailbox_.front().ops) bytes += op.memory.bytes();
            group.push_back(std::move(tenant->mailbox_.front()));
            tenant->mailbox_.pop_front();
        }
        lock.unlock();
        apply(*tenant, group);
        lock.lock();
        if (tenant->mailbox_.empty()) {
            tenant->scheduled_ = false;
        } else {
            ready_.push_back(std::move(tenant));
            wake_.notify_one();
        }
    }
}

void WriterThreads::apply(TenantWriter& tenant, std::vector<PendingWrite>& group) {
    Lowered lowered = lower(group);
    ArenaCall call(0, kApplyBudget);
    const engram_status status = tenant.storage_.table->apply(tenant.storage_.self, call, tenant.db_,
                                                              lowered.batches.data(), lowered.batches.size(),
                                                              lowered.results.data());
    for (size_t i = 0; i < group.size(); ++i) {
        if (status != ENGRAM_OK) {
            group[i].done(storageError(status, call));
            continue;
        }
        const engram_apply_result& result = lowered.results[i];
        Outcome outcome;
        outcome.outcome = result.outcome;
        outcome.lsn = result.lsn;
        outcome.current_version = result.current_version;
        outcome.current_count = result.current_count;
        outcome.message = view(result.message);
        if (result.outcome == ENGRAM_APPLY_LIMIT && result.failed_limit < group[i].options.limits.size())
            outcome.limit = group[i].options.limits[result.failed_limit].max;
        outcome.answer = result.outcome == ENGRAM_APPLY_REPLAYED ? std::string(view(result.answer))
                                                                 : std::move(group[i].answer);
        group[i].done(std::move(outcome));
    }
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
