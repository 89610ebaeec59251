#include "engine/vector_filler.hpp"

#include <engram/cpp/text.hpp>

#include <algorithm>

#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace engram::engine {
namespace {

constexpr std::chrono::seconds kAfterStorageFailure{5};
constexpr size_t kReadBudget = 4u << 20;
constexpr uint32_t kCountPage = 10000;
constexpr const char* kStorage = "storage";  // code of an Error that is not the embedder's; no client sees it

}  // namespace

// Under the lock.
const VectorFiller::JobPtr& VectorFiller::jobOf(const std::shared_ptr<TenantVectors>& tenant) {
    JobPtr& job = jobs_[tenant.get()];
    if (!job) {
        job = std::make_shared<Job>();
        job->tenant = tenant;
    }
    return job;
}

void VectorFiller::add(const std::shared_ptr<TenantVectors>& tenant) {
    std::lock_guard lock(mutex_);
    schedule(jobOf(tenant));
}

// Both under one lock: a turn that ends meanwhile must not set to none what it has not seen.
void VectorFiller::missing(const std::shared_ptr<TenantVectors>& tenant, uint32_t space, size_t memories,
                           uint64_t lsn) {
    std::lock_guard lock(mutex_);
    tenant->addPending(space, memories, lsn);
    schedule(jobOf(tenant));
}

void VectorFiller::recount(const std::shared_ptr<TenantVectors>& tenant) {
    std::lock_guard lock(mutex_);
    const JobPtr& job = jobOf(tenant);
    job->counted = false;
    schedule(job);
}

// Under the lock.
void VectorFiller::schedule(const JobPtr& job) {
    if (phase_ == Phase::Stopping) return;
    if (job->state == Job::State::Running) job->state = Job::State::Woken;
    if (job->state != Job::State::Idle) return;
    job->state = Job::State::Ready;
    ready_.push_back(job);
    startThreads();
    wake_.notify_one();
}

void VectorFiller::startThreads() {
    while (threads_.size() < std::max(1u, options_.threads) && threads_.size() < ready_.size()) {
        ++running_;
        threads_.emplace_back([this] { run(); });
        pthread_setname_np(threads_.back().native_handle(), "vectors");
    }
}

// The next tenant whose turn it is; nullptr: stopping.
VectorFiller::JobPtr VectorFiller::next(std::unique_lock<std::mutex>& lock) {
    while (phase_ == Phase::Running) {
        const auto now = Clock::now();
        while (!paused_.empty() && paused_.begin()->first <= now) {
            paused_.begin()->second->state = Job::State::Ready;
            ready_.push_back(paused_.begin()->second);
            paused_.erase(paused_.begin());
        }
        if (!ready_.empty()) {
            JobPtr job = ready_.front();
            ready_.pop_front();
            job->state = Job::State::Running;
            return job;
        }
        if (paused_.empty()) wake_.wait(lock);
        else wake_.wait_until(lock, paused_.begin()->first);
    }
    return nullptr;
}

void VectorFiller::run() {
    setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), options_.nice);
    std::unique_lock lock(mutex_);
    while (JobPtr job = next(lock)) {
        lock.unlock();
        Left left;
        try {
            left = turn(*job);
        } catch (const std::bad_alloc&) {
            left = {Left::What::Later, Clock::now() + kAfterStorageFailure};
        }
        lock.lock();
        finish(job, left);
    }
    --running_;
    ended_.notify_all();
}

// Under the lock.
void VectorFiller::finish(const JobPtr& job, Left left) {
    const bool again = left.what == Left::What::More || (left.what == Left::What::Nothing && job->state == Job::State::Woken);
    if (left.what == Left::What::Later) {
        job->state = Job::State::Paused;
        paused_.emplace(left.when, job);
    } else if (again) {
        job->state = Job::State::Ready;
        ready_.push_back(job);  // behind the others: every tenant has its turn
    } else {
        job->state = Job::State::Idle;
    }
    wake_.notify_one();
}

// One batch of one space.
VectorFiller::Left VectorFiller::turn(Job& job) {
    TenantVectors& tenant = *job.tenant;
    if (!job.counted.exchange(true))
        for (const SpaceUse& use : tenant.spaces().kept()) count(tenant, use);
    for (const SpaceUse& use : tenant.spaces().kept()) {
        {
            std::lock_guard lock(mutex_);
            if (auto it = pauses_.find(use.embedder); it != pauses_.end() && Clock::now() < it->second.until)
                return {Left::What::Later, it->second.until};
        }
        auto rows = unfilled(tenant, use, tenant.lookedAt(use.id), std::min<size_t>(options_.batch, use.embedder->max_batch));
        if (!rows) return {Left::What::Later, Clock::now() + kAfterStorageFailure};
        if (!rows->empty()) return fillBatch(tenant, use, *rows);
        if (use.id == tenant.spaces().next.id) {
            auto full = complete(tenant, use);
            if (!full) return {Left::What::Later, Clock::now() + kAfterStorageFailure};
            if (!*full) return {Left::What::More, {}};
        }
    }
    // Nothing is left: whatever the counts were off by is put right, unless somebody has written meanwhile.
    std::lock_guard lock(mutex_);
    if (job.state == Job::State::Running)
        for (const SpaceUse& use : tenant.spaces().kept()) tenant.noPending(use.id);
    return {};
}

VectorFiller::Left VectorFiller::fillBatch(TenantVectors& tenant, const SpaceUse& use, const std::vector<Row>& rows) {
    std::vector<Row> wanted;
    for (const Row& row : rows)
        if (!tenant.refused(use.id, row.rid)) wanted.push_back(row);
    if (auto done = embedAll(tenant, use, wanted); !done) {
        if (done.error().code == kStorage) return {Left::What::Later, Clock::now() + kAfterStorageFailure};
        return afterFailure(*use.embedder, tenant, done.error());
    }
    if (!wanted.empty()) answered(*use.embedder, tenant);
    tenant.lookedAt(use.id, rows.back().rid);
    return {Left::What::More, {}};
}

// A text that the embedder refuses must not keep the others from their vectors: the batch is halved until it stands alone.
Result<void> VectorFiller::embedAll(TenantVectors& tenant, const SpaceUse& use, std::span<const Row> rows) {
    if (rows.empty()) return {};
    std::vector<std::string_view> texts;
    for (const Row& row : rows) texts.push_back(row.text);
    std::vector<float> vectors(rows.size() * use.embedder->dimensions);
    ArenaCall call;
    call.setTenant(tenant.tenant());
    std::list<ArenaCall*>::iterator listed;
    {
        std::lock_guard lock(mutex_);
        if (phase_ == Phase::Stopping) return Error{"unavailable", "the server is stopping", "", ""};
        listed = calls_.insert(calls_.end(), &call);
    }
    auto embedded = embedTexts(*use.embedder, call, ENGRAM_EMBED_DOCUMENT, texts, Clock::now() + options_.patience, vectors);
    {
        std::lock_guard lock(mutex_);
        calls_.erase(listed);
    }
    if (embedded) return store(tenant, use, rows, vectors);
    if (embedded.error().code != "invalid_value") return embedded;
    if (rows.size() == 1) {
        tenant.refuse(use.id, rows[0].rid);
        tenant.takePending(use.id, 1);
        return {};
    }
    const size_t half = rows.size() / 2;
    if (auto first = embedAll(tenant, use, rows.first(half)); !first) return first;
    return embedAll(tenant, use, rows.subspan(half));
}

Result<std::vector<VectorFiller::Row>> VectorFiller::unfilled(const TenantVectors& tenant, const SpaceUse& use, uint64_t after,
                                                              size_t limit) const {
    struct Collect {
        std::vector<Row> rows;
        size_t bytes = 0, bytes_limit = 0;
    } collect;
    collect.bytes_limit = options_.batch_bytes;
    const engram_rows sink = {sizeof(engram_rows), 0, &collect, [](void* ctx, size_t, const engram_record* record) -> engram_status {
                                  auto& into = *static_cast<Collect*>(ctx);
                                  into.rows.push_back({record->rid, std::string(view(record->text))});
                                  into.bytes += record->text.len;
                                  return into.bytes >= into.bytes_limit ? ENGRAM_CANCELLED : ENGRAM_OK;
                              }};
    ArenaCall call(0, kReadBudget);
    call.setTenant(tenant.tenant());
    auto view = View::begin(tenant.storage(), call, tenant.db(), 0);
    if (!view) return view.error();
    const engram_status status =
        tenant.storage().table->unfilled(tenant.storage().self, call, view->handle(), use.id, ENGRAM_KIND_MEMORY, after,
                                         static_cast<uint32_t>(limit), ENGRAM_WANT_TEXT, &sink);
    if (status != ENGRAM_OK && status != ENGRAM_CANCELLED) return storageError(status, call);
    return std::move(collect.rows);
}

Result<void> VectorFiller::store(TenantVectors& tenant, const SpaceUse& use, std::span<const Row> rows,
                                 std::span<const float> vectors) {
    std::vector<engram_fill> fills;
    for (size_t i = 0; i < rows.size(); ++i) fills.push_back({rows[i].rid, vectors.data() + i * use.embedder->dimensions});
    ArenaCall call;
    call.setTenant(tenant.tenant());
    uint64_t filled = 0;
    const engram_status status = tenant.storage().table->fill(tenant.storage().self, call, tenant.db(), use.id, fills.data(),
                                                              fills.size(), &filled);
    if (status != ENGRAM_OK) return Error{kStorage, storageError(status, call).message, "", ""};
    tenant.takePending(use.id, rows.size());  // those passed over were deleted or have a newer version, counted by itself
    filled_.fetch_add(filled, std::memory_order_relaxed);
    return {};
}

// Looks once more from the beginning; when every memory has its vector the next space becomes the active one. False: one has
// none yet.
Result<bool> VectorFiller::complete(TenantVectors& tenant, const SpaceUse& use) {
    auto rows = unfilled(tenant, use, 0, std::min<size_t>(10000, tenant.refused(use.id) + 1));
    if (!rows) return rows.error();
    for (const Row& row : *rows)
        if (!tenant.refused(use.id, row.rid)) {
            tenant.lookedAt(use.id, 0);
            return false;
        }
    std::lock_guard changing(tenant.change_mutex);
    SpacesInUse spaces = tenant.spaces();
    if (spaces.next.id != use.id) return false;  // somebody decided otherwise meanwhile
    if (auto activated = activateSpace(tenant.storage(), tenant.db(), use.id); !activated) return activated.error();
    tenant.use({use, {}});
    if (options_.on_switched) options_.on_switched(tenant.tenant(), use.embedder->model);
    return true;
}

// How many vectors a tenant lacks: on one view, so that what is written meanwhile is counted once.
void VectorFiller::count(TenantVectors& tenant, const SpaceUse& use) {
    struct Seen {
        uint64_t n = 0, last = 0;
    } seen;
    const engram_rows sink = {sizeof(engram_rows), 0, &seen, [](void* ctx, size_t, const engram_record* record) -> engram_status {
                                  auto& rows = *static_cast<Seen*>(ctx);
                                  ++rows.n;
                                  rows.last = record->rid;
                                  return ENGRAM_OK;
                              }};
    tenant.beginCount(use.id);
    ArenaCall call(0, kReadBudget);
    call.setTenant(tenant.tenant());
    auto view = View::begin(tenant.storage(), call, tenant.db(), 0);
    if (!view) return;
    uint64_t before = 0;
    do {
        before = seen.n;
        const engram_status status =
            tenant.storage().table->unfilled(tenant.storage().self, call, view->handle(), use.id, ENGRAM_KIND_MEMORY, seen.last,
                                             kCountPage, 0, &sink);
        if (status != ENGRAM_OK) return;
    } while (seen.n - before == kCountPage);
    const uint64_t refused = tenant.refused(use.id);
    tenant.endCount(use.id, seen.n - std::min(seen.n, refused), view->lsn());
}

VectorFiller::Left VectorFiller::afterFailure(const Embedder& embedder, TenantVectors& tenant, const Error& error) {
    tenant.fail(error.message);  // the cause is the operator's, and goes to the log
    failures_.fetch_add(1, std::memory_order_relaxed);
    Clock::time_point until;
    bool first = false;
    {
        std::lock_guard lock(mutex_);
        Pause& pause = pauses_[&embedder];
        first = pause.length.count() == 0 && phase_ == Phase::Running;
        pause.length = first ? options_.first_pause : std::min(options_.longest_pause, pause.length * 2);
        pause.until = until = Clock::now() + pause.length;
    }
    if (first && options_.on_failing) options_.on_failing(embedder.name, error.cause.empty() ? error.message : error.cause);
    return {Left::What::Later, until};
}

void VectorFiller::answered(const Embedder& embedder, TenantVectors& tenant) {
    tenant.fail({});
    std::lock_guard lock(mutex_);
    pauses_.erase(&embedder);
}

uint64_t VectorFiller::pending() const {
    std::lock_guard lock(mutex_);
    uint64_t sum = 0;
    for (const auto& [key, job] : jobs_) sum += job->tenant->pending();
    return sum;
}

bool VectorFiller::stop(Clock::time_point deadline) {
    std::unique_lock lock(mutex_);
    phase_ = Phase::Stopping;
    for (ArenaCall* call : calls_) call->cancel();
    wake_.notify_all();
    const auto ended = [this] { return running_ == 0; };
    if (deadline == Clock::time_point::max()) ended_.wait(lock, ended);
    else if (!ended_.wait_until(lock, deadline, ended)) return false;
    std::list<std::thread> threads;
    threads.swap(threads_);
    lock.unlock();
    for (std::thread& thread : threads) thread.join();
    return true;
}

}  // namespace engram::engine
