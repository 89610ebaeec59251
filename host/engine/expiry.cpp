#include "engine/expiry.hpp"

#include <future>

#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace engram::engine {
namespace {

constexpr size_t kReadBudget = 1u << 20;

struct Rows {
    std::vector<std::pair<Uuid, uint64_t>> found;
    engram_rows sink() {
        auto push = [](void* ctx, size_t, const engram_record* record) -> engram_status {
            static_cast<Rows*>(ctx)->found.emplace_back(Uuid::from(record->id), record->version);
            return ENGRAM_OK;
        };
        return {sizeof(engram_rows), 0, this, push};
    }
};

// Condition::Past: expired by `time`; Any: has a time at which it expires.
enum class Condition { Past, Any };
Filter expiring(Condition condition, int64_t time) {
    Filter filter;
    if (condition == Condition::Any) filter.require({ENGRAM_EXISTS, ENGRAM_FIELD_EXPIRES_AT, {}, {}, {}});
    else filter.require({ENGRAM_LE, ENGRAM_FIELD_EXPIRES_AT, {}, {{ENGRAM_VALUE_INTEGER, {}, time, 0, false}}, {}});
    return filter;
}

PendingWrite purgeOf(const Uuid& id, uint64_t version, int64_t now) {
    Memory memory;
    memory.id = id;
    memory.created_at = memory.updated_at = now;
    PendingWrite write;
    // Whoever brought it back meanwhile has made another version of it, which stays.
    write.ops.push_back({ENGRAM_OP_PURGE, Prepared(std::move(memory), {}, {}, 0), version});
    write.now = now;
    return write;
}

}  // namespace

void ExpirySweeper::add(uint64_t db, const std::shared_ptr<TenantWriter>& writer) {
    auto tenant = std::make_shared<Tenant>();
    tenant->db = db;
    tenant->writer = writer;
    std::lock_guard lock(mutex_);
    tenants_.emplace(db, std::move(tenant));
    if (phase_ != Phase::Idle) return;
    phase_ = Phase::Running;
    thread_ = std::thread([this] { run(); });
    pthread_setname_np(thread_.native_handle(), "expiry");
}

void ExpirySweeper::expires(uint64_t db, int64_t at) {
    std::lock_guard lock(mutex_);
    const auto it = tenants_.find(db);
    if (it == tenants_.end()) return;
    const int64_t due = at + options_.grace.count();
    if (due < it->second->due) it->second->due = due;
}

void ExpirySweeper::stop() {
    {
        std::lock_guard lock(mutex_);
        phase_ = Phase::Stopping;
    }
    wake_.notify_all();
    if (thread_.joinable()) thread_.join();
}

bool ExpirySweeper::stopping() {
    std::lock_guard lock(mutex_);
    return phase_ == Phase::Stopping;
}

// False: stopping.
bool ExpirySweeper::rest(std::chrono::milliseconds pause) {
    std::unique_lock lock(mutex_);
    return !wake_.wait_for(lock, pause, [this] { return phase_ == Phase::Stopping; });
}

void ExpirySweeper::run() {
    setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), options_.nice);
    while (rest(options_.look)) {
        try {
            look();
        } catch (const std::bad_alloc&) {
            // Others need the memory more; at the next look there may be some.
        }
    }
}

void ExpirySweeper::look() {
    std::vector<std::shared_ptr<Tenant>> due;
    {
        std::lock_guard lock(mutex_);
        for (const auto& [db, tenant] : tenants_)
            if (tenant->due <= clock_.now()) due.push_back(tenant);
    }
    for (const auto& tenant : due) {
        if (stopping()) return;
        try {
            sweep(*tenant);
        } catch (const std::bad_alloc&) {
            tenant->due = clock_.now() + options_.look.count();
        }
    }
}

void ExpirySweeper::sweep(Tenant& tenant) {
    // Of the whole sweep: what falls due while it is under way must not wait for longer than what falls due right after it.
    const int64_t now = clock_.now();
    // Before the search: a write that comes meanwhile may set an earlier time, which must not be lost.
    tenant.due = now + options_.seldom.count();
    const auto fail = [&] { expires(tenant.db, clock_.now() + options_.look.count() - options_.grace.count()); };
    while (true) {
        auto found = find(tenant, expiring(Condition::Past, now - options_.grace.count()), options_.slice);
        if (!found) return fail();
        if (found->empty()) break;
        auto gone = purge(tenant, *found);
        if (!gone || *gone == 0) return fail();
        purged_.fetch_add(*gone, std::memory_order_relaxed);
        if (!rest(options_.rest)) return;
    }
    auto waiting = find(tenant, expiring(Condition::Any, 0), 1);
    if (!waiting) return fail();
    if (!waiting->empty()) expires(tenant.db, now + options_.again.count() - options_.grace.count());
}

Result<ExpirySweeper::Found> ExpirySweeper::find(const Tenant& tenant, const Filter& filter, uint32_t limit) const {
    ArenaCall call(0, kReadBudget);
    auto view = View::begin(storage_, call, tenant.db, 0);
    if (!view) return view.error();
    const LoweredFilter lowered(filter);
    engram_list_query query{};
    query.size = sizeof query;
    query.order = ENGRAM_ORDER_CREATED;
    query.limit = limit;
    query.scope = {sizeof(engram_scope), ENGRAM_KIND_MEMORY, nullptr, 0, lowered.abi()};
    Rows rows;
    const engram_rows sink = rows.sink();
    engram_str next{};
    const engram_status status = storage_.table->list(storage_.self, call, view->handle(), &query, &sink, &next);
    if (status != ENGRAM_OK) return storageError(status, call);
    return std::move(rows.found);
}

Result<size_t> ExpirySweeper::purge(const Tenant& tenant, const Found& found) {
    struct Count {
        std::mutex mutex;
        size_t waiting, gone = 0;
        Error failure{};
        std::promise<void> all{};
    };
    const auto count = std::make_shared<Count>();
    count->waiting = found.size();
    for (const auto& [id, version] : found) {
        PendingWrite write = purgeOf(id, version, clock_.now());
        write.done = [count](Result<Outcome> outcome) {
            std::lock_guard lock(count->mutex);
            if (!outcome) count->failure = outcome.error();
            else if (outcome->outcome == ENGRAM_APPLY_DONE) ++count->gone;
            if (--count->waiting == 0) count->all.set_value();
        };
        writers_.submit(tenant.writer, std::move(write));
    }
    count->all.get_future().wait();
    std::lock_guard lock(count->mutex);
    if (!count->failure.code.empty()) return count->failure;
    return count->gone;
}

}  // namespace engram::engine
