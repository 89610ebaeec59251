// storage-postgres: the tenants' rows in PostgreSQL, apart by row-level security. This file is the border: handles,
// views, statuses, and what is tried again when a connection is lost.
#include "apply.hpp"
#include "codec.hpp"
#include "feed.hpp"
#include "integrity.hpp"
#include "pool.hpp"
#include "reader.hpp"
#include "schema.hpp"
#include "snapshot.hpp"
#include "vector_spaces.hpp"

#include <engram/cpp/filter.hpp>
#include <engram/cpp/storage.hpp>

#include <algorithm>
#include <memory>
#include <optional>
#include <thread>
#include <unordered_map>

namespace engram::storage_postgres {
namespace {

using Clock = std::chrono::steady_clock;

constexpr uint32_t kMaxList = 10000;
constexpr std::string_view kNoHandle = "no such handle", kNoTenant = "no such tenant", kNoSpace = "no such vector space";

ConnectOptions optionsOf(const Config& config, const char* url) {
    ConnectOptions options;
    options.url = config.text(url);
    options.schema = config.text("/schema", "engram");
    options.connect = std::chrono::milliseconds(config.integer("/connect_timeout_ms", 5000));
    options.statement = std::chrono::milliseconds(config.integer("/statement_timeout_ms", 30000));
    options.lock = std::chrono::milliseconds(config.integer("/lock_timeout_ms", 10000));
    return options;
}

class StoragePostgres {
public:
    StoragePostgres(Host host, Config config)
        : host_(host), pool_(optionsOf(config, "/url"), static_cast<size_t>(config.integer("/connections", 8))),
          owner_(optionsOf(config, "/owner_url")), max_index_bytes_(static_cast<size_t>(config.integer("/index_megabytes", 1024)) << 20),
          idle_(config.integer("/idle_seconds", 300)), poll_(config.integer("/feed_poll_ms", 500)) {}

    engram_status start(engram_call* call) {
        const engram_status status = guardedByPostgres(call, [&]() -> engram_status {
            if (!owner_.url.empty()) migrateAsOwner();
            const auto lease = pool_.take();
            const std::string why = complaint(**lease, pool_.options().schema);
            if (why.empty()) return ENGRAM_OK;
            return fail(call, ENGRAM_FAILED_PRECONDITION, why + " (docs/how-to/use-postgres.md: roles)");
        });
        if (status != ENGRAM_OK) return status;
        tasks_ = host_.service<engram_host_tasks_v1>(ENGRAM_HOST_TASKS);
        if (!tasks_) return ENGRAM_OK;  // reads then trim what is kept in memory
        return tasks_->post(host_.raw(), &guardedTask<&StoragePostgres::trimAll>, this, 1000, 1000, &task_);
    }

    engram_status stop(engram_call*) {
        {
            std::lock_guard lock(views_mutex_);
            views_.clear();
        }
        tenants_.clear();
        pool_.dropIdle();
        return ENGRAM_OK;
    }

    engram_status health(engram_call* call) {
        return guardedByPostgres(call, [&]() -> engram_status {
            pool_.run([](Session& session) { return session.run("SELECT 1"); });
            return ENGRAM_OK;
        });
    }

    engram_status open(engram_call* call, engram_str tenant, uint32_t flags, uint64_t* db) {
        const auto id = tenantOf(view(tenant));
        if (!id) return fail(call, ENGRAM_INVALID_ARGUMENT, "a tenant's id is a UUID in lower case");
        if (call->flags & ENGRAM_CALL_INLINE) return ENGRAM_AGAIN;
        return guardedByPostgres(call, [&]() -> engram_status {
            const bool there = pool_.run([&](Session& session) {
                if (flags & ENGRAM_OPEN_CREATE) create(session, *id);
                return read(session, *id, {{kFindTenant, {}}})[0].rows() > 0;
            });
            if (!there) return fail(call, ENGRAM_NOT_FOUND, kNoTenant);
            *db = tenants_.open(*id, std::string(view(tenant)));
            return ENGRAM_OK;
        });
    }

    engram_status close(engram_call* call, uint64_t db) {
        return tenants_.close(db) ? engram_status(ENGRAM_OK) : fail(call, ENGRAM_NOT_FOUND, kNoHandle);
    }

    engram_status stats(engram_call* call, uint64_t db, engram_storage_stats* out) {
        return onTenant(call, db, [&](Tenant& tenant, Session& session) {
            const auto answers = read(session, tenant.id, {{kStats, {}}, {kCounters, {}}});
            if (answers[0].rows() == 0) return fail(call, ENGRAM_NOT_FOUND, kNoTenant);
            out->lsn = static_cast<uint64_t>(answers[0].integer(0, 0));
            out->trimmed_lsn = 0;
            out->bytes_on_disk = static_cast<uint64_t>(answers[0].integer(0, 1));
            out->index_lag = tenant.lag(out->lsn);
            const Result& values = answers[1];
            auto* counters = allocateArray<engram_counter_value>(call, static_cast<size_t>(values.rows()));
            for (int i = 0; i < values.rows(); ++i)
                counters[i] = {keep(call, values.bytes(i, 0)), static_cast<uint64_t>(values.integer(i, 1))};
            out->counters = counters;
            out->n_counters = static_cast<size_t>(values.rows());
            return engram_status(ENGRAM_OK);
        });
    }

    engram_status check(engram_call* call, uint64_t db) {
        return onTenant(call, db, [&](Tenant& tenant, Session& session) {
            return checkTenant(session, tenant.id) ? engram_status(ENGRAM_OK) : fail(call, ENGRAM_NOT_FOUND, kNoTenant);
        });
    }

    engram_status erase(engram_call* call, engram_str tenant) {
        const auto id = tenantOf(view(tenant));
        if (!id) return fail(call, ENGRAM_INVALID_ARGUMENT, "a tenant's id is a UUID in lower case");
        if (tenants_.isOpen(std::string(view(tenant)))) return fail(call, ENGRAM_FAILED_PRECONDITION, "the tenant is open");
        return guardedByPostgres(call, [&]() -> engram_status {
            const auto lease = pool_.take();
            return eraseTenant(**lease, *id) ? engram_status(ENGRAM_OK) : fail(call, ENGRAM_NOT_FOUND, kNoTenant);
        });
    }

    engram_status apply(engram_call* call, uint64_t db, const engram_batch* batches, size_t n, engram_apply_result* results) {
        const auto tenant = tenants_.get(db);
        if (!tenant) return fail(call, ENGRAM_NOT_FOUND, kNoHandle);
        return guardedByPostgres(call, [&]() -> engram_status {
            auto answer = [&](const Apply& applied) {
                for (size_t i = 0; i < n; ++i) report(call, applied.results()[i], results[i]);
                tenant->heard(applied.lsn());
                return engram_status(ENGRAM_OK);
            };
            for (int attempt = 0;; ++attempt) {
                auto lease = pool_.take();
                Apply once(**lease, tenant->id, batches, n);
                try {
                    return once.run() ? answer(once) : fail(call, ENGRAM_NOT_FOUND, kNoTenant);
                } catch (const PostgresError& e) {
                    if ((!e.lost() && !e.conflict()) || (attempt > 0 && !once.maybeCommitted())) throw;
                    lease.reset();
                    if (e.lost()) pool_.dropIdle();
                    if (!once.maybeCommitted()) continue;
                }
                const Apply::Fate fate = fateOf(once);
                if (fate == Apply::Fate::Committed) return answer(once);
                if (fate == Apply::Fate::Unknown || attempt > 0)
                    return fail(call, ENGRAM_UNAVAILABLE,
                                "the connection was lost during COMMIT: whether the write was kept is not known; send it"
                                " again with its idempotency key");
            }
        });
    }

    engram_status begin(engram_call* call, uint64_t db, uint64_t at_lsn, uint64_t min_lsn, uint64_t* handle, uint64_t* lsn) {
        return onTenant(call, db, [&](Tenant& tenant, Session& session) {
            const auto answers = read(session, tenant.id, {{kFindTenant, {}}});
            if (answers[0].rows() == 0) return fail(call, ENGRAM_NOT_FOUND, kNoTenant);
            View made;
            made.tenant = tenants_.get(db);
            made.newest = static_cast<uint64_t>(answers[0].integer(0, 0));
            made.incarnation = answers[0].bytes(0, 1);
            made.fills = static_cast<uint64_t>(answers[0].integer(0, 2));
            made.at = at_lsn == ENGRAM_LSN_MAX ? made.newest : at_lsn;
            if (made.at > made.newest || min_lsn > made.newest)
                return fail(call, ENGRAM_OUT_OF_RANGE, "the LSN is not reached yet");
            if (!made.tenant) return fail(call, ENGRAM_NOT_FOUND, kNoHandle);
            tenant.heard(made.newest);
            std::lock_guard lock(views_mutex_);
            *handle = next_view_++;
            *lsn = made.at;
            views_[*handle] = std::make_shared<const View>(std::move(made));
            return engram_status(ENGRAM_OK);
        });
    }

    void end(uint64_t handle) noexcept {
        std::shared_ptr<const View> ended;  // what it has is given back outside of the lock
        std::lock_guard lock(views_mutex_);
        if (auto it = views_.find(handle); it != views_.end()) {
            ended = std::move(it->second);
            views_.erase(it);
        }
    }

    engram_status get(engram_call* call, uint64_t handle, const engram_ref* refs, size_t n, uint32_t want,
                      const engram_rows* rows) {
        return onView(call, handle, [&](Reader& reader) { return reader.get(refs, n, want, *rows); });
    }

    engram_status list(engram_call* call, uint64_t handle, const engram_list_query* query, const engram_rows* rows,
                       engram_str* next) {
        if (query->order < ENGRAM_ORDER_CREATED || query->order > ENGRAM_ORDER_IMPORTANCE || query->limit == 0 ||
            query->limit > kMaxList)
            return fail(call, ENGRAM_INVALID_ARGUMENT, "unknown order, or a limit that is not 1 to 10000");
        return onScope(call, handle, query->scope, [&](Reader& reader) {
            std::string cursor;
            const engram_status status = reader.list(*query, *rows, cursor);
            if (status == ENGRAM_INVALID_ARGUMENT) return fail(call, status, "not a cursor of this query");
            *next = keep(call, cursor);
            return status;
        });
    }

    engram_status history(engram_call* call, uint64_t handle, const engram_uuid* id, uint32_t want,
                          const engram_rows* rows) {
        return onView(call, handle, [&](Reader& reader) { return reader.history(*id, want, *rows); });
    }

    engram_status edges(engram_call* call, uint64_t handle, const engram_uuid* id, uint32_t incoming,
                        const engram_edges* sink) {
        return onView(call, handle, [&](Reader& reader) { return reader.edges(*id, incoming, *sink); });
    }

    engram_status terms(engram_call* call, uint64_t handle, const engram_scope* scope, const engram_str* terms, size_t n,
                        uint64_t* df, engram_term_stats* out) {
        return onScope(call, handle, *scope, [&](Reader& reader) {
            *out = reader.terms(*scope, terms, n, df);
            return engram_status(ENGRAM_OK);
        });
    }

    engram_status expand(engram_call* call, uint64_t handle, const engram_scope* scope, engram_str prefix, uint32_t limit,
                         void* ctx, engram_status (*term)(void*, engram_str, uint64_t)) {
        return onScope(call, handle, *scope,
                       [&](Reader& reader) { return reader.expand(*scope, view(prefix), limit, ctx, term); });
    }

    engram_status similarTerms(engram_call* call, uint64_t handle, const engram_scope* scope, engram_str term, uint32_t most,
                               uint32_t limit, const engram_similar_terms* sink) {
        return onScope(call, handle, *scope, [&](Reader& reader) {
            const engram_status status = reader.similarTerms(*scope, view(term), most, limit, *sink);
            return status == ENGRAM_INVALID_ARGUMENT ? fail(call, status, "not a distance, a limit or a term") : status;
        });
    }

    engram_status companions(engram_call* call, uint64_t handle, const engram_scope* scope, const uint64_t* rids, size_t n,
                             uint64_t most, const engram_groups* sink) {
        return onScope(call, handle, *scope,
                       [&](Reader& reader) { return reader.companions(*scope, rids, n, most, *sink); });
    }

    engram_status match(engram_call* call, uint64_t handle, const engram_scope* scope, const engram_str* terms, size_t n,
                        const engram_postings* sink) {
        return onScope(call, handle, *scope, [&](Reader& reader) { return reader.match(*scope, terms, n, *sink); });
    }

    engram_status matchBest(engram_call* call, uint64_t handle, const engram_scope* scope, const engram_str* terms, size_t n,
                            const engram_ranking* ranking, const engram_postings* sink) {
        return onScope(call, handle, *scope, [&](Reader& reader) {
            const engram_status status = reader.matchBest(*scope, terms, n, *ranking, *sink);
            return status == ENGRAM_INVALID_ARGUMENT ? fail(call, status, "not a ranking") : status;
        });
    }

    engram_status nearest(engram_call* call, uint64_t handle, const engram_scope* scope, uint32_t space,
                          const float* vector, uint32_t k, engram_neighbour* out, size_t* n_out) {
        return onScope(call, handle, *scope, [&](Reader& reader) {
            const engram_status status = reader.nearest(*scope, space, vector, k, out, n_out);
            if (status == ENGRAM_NOT_FOUND) return fail(call, status, kNoSpace);
            if (status == ENGRAM_INVALID_ARGUMENT) return fail(call, status, "a vector with a number that is not finite");
            return status;
        });
    }

    engram_status spaceCreate(engram_call* call, uint64_t db, engram_space* space) {
        if (space->name.len == 0 || !isText(view(space->name)) || space->dimensions == 0 || space->dimensions > 65536)
            return fail(call, ENGRAM_INVALID_ARGUMENT, "a space has a name in UTF-8 and 1 to 65536 dimensions");
        return inTransaction(call, db, [&](Session& session, const Parameters& tenant) -> engram_status {
            const Result spaces = std::move(session.queue(kSpaces, tenant).flush().front());
            const engram_status status = createSpace(session, tenant, spaces, *space);
            return status == ENGRAM_OK ? status : fail(call, status, "the space has other dimensions");
        });
    }

    engram_status spaceActivate(engram_call* call, uint64_t db, uint32_t space) {
        return inTransaction(call, db, [&](Session& session, const Parameters& tenant) -> engram_status {
            const Result spaces = std::move(session.queue(kSpaces, tenant).flush().front());
            if (rowOf(spaces, space) < 0) return fail(call, ENGRAM_NOT_FOUND, kNoSpace);
            session.queue(kActivateSpace, Parameters(tenant).add(static_cast<int32_t>(space))).flush();
            return ENGRAM_OK;
        });
    }

    engram_status spacePrepare(engram_call* call, uint64_t db, uint32_t space) {
        return inTransaction(call, db, [&](Session& session, const Parameters& tenant) -> engram_status {
            const Result spaces = std::move(session.queue(kSpaces, tenant).flush().front());
            const int row = rowOf(spaces, space);
            if (space != 0 && row < 0) return fail(call, ENGRAM_NOT_FOUND, kNoSpace);
            if (row >= 0 && spaces.small(row, 3) == ENGRAM_SPACE_ACTIVE)
                return fail(call, ENGRAM_FAILED_PRECONDITION, "the space is active");
            session.queue(kPrepareSpace, Parameters(tenant).add(static_cast<int32_t>(space))).flush();
            return ENGRAM_OK;
        });
    }

    engram_status unfilled(engram_call* call, uint64_t handle, uint32_t space, uint32_t kind, uint64_t after, uint32_t limit,
                           uint32_t want, const engram_rows* rows) {
        if (limit == 0 || limit > kMaxList) return fail(call, ENGRAM_INVALID_ARGUMENT, "a limit that is not 1 to 10000");
        return onView(call, handle, [&](Reader& reader) {
            const engram_status status = reader.unfilled(space, kind, after, limit, want, *rows);
            return status == ENGRAM_NOT_FOUND ? fail(call, status, kNoSpace) : status;
        });
    }

    engram_status fill(engram_call* call, uint64_t db, uint32_t space, const engram_fill* fills, size_t n, uint64_t* filled) {
        return inTransaction(call, db, [&](Session& session, const Parameters& tenant) -> engram_status {
            const Result spaces = std::move(session.queue(kSpaces, tenant).flush().front());
            const int row = rowOf(spaces, space);
            if (row < 0) return fail(call, ENGRAM_NOT_FOUND, kNoSpace);
            if (!fillVectors(session, tenant, spaces, row, fills, n, filled))
                return fail(call, ENGRAM_INVALID_ARGUMENT, "a vector with a number that is not finite");
            return ENGRAM_OK;
        });
    }

    engram_status spaceDrop(engram_call* call, uint64_t db, uint32_t space) {
        return inTransaction(call, db, [&](Session& session, const Parameters& tenant) -> engram_status {
            const Parameters parameters = Parameters(tenant).add(static_cast<int32_t>(space));
            const auto answers = session.queue(kDropSpaceVectors, parameters).queue(kDropSpace, parameters).flush();
            return answers[1].rows() > 0 ? engram_status(ENGRAM_OK) : fail(call, ENGRAM_NOT_FOUND, kNoSpace);
        });
    }

    engram_status spaces(engram_call* call, uint64_t db, const engram_spaces* sink) {
        std::vector<Result> answers;
        const bool counted = !(sink->flags & ENGRAM_SPACES_UNCOUNTED);
        const engram_status status = onTenant(call, db, [&](Tenant& tenant, Session& session) {
            answers = read(session, tenant.id, {{counted ? kSpacesCovered : kSpaces, {}}});
            return engram_status(ENGRAM_OK);
        });
        if (status != ENGRAM_OK) return status;
        for (int i = 0; i < answers[0].rows(); ++i) {
            engram_space space{};
            space.size = sizeof space;
            space.id = static_cast<uint32_t>(answers[0].small(i, 0));
            space.dimensions = static_cast<uint32_t>(answers[0].small(i, 1));
            space.name = borrow(answers[0].bytes(i, 2));
            space.active = static_cast<uint32_t>(answers[0].small(i, 3));
            space.covered = counted ? static_cast<uint64_t>(answers[0].integer(i, 4)) : 0;
            if (const engram_status stopped = sink->space(sink->ctx, &space); stopped != ENGRAM_OK) return stopped;
        }
        return ENGRAM_OK;
    }

    engram_status changes(engram_call* call, uint64_t db, uint64_t after, uint32_t limit, uint32_t wait_ms,
                          const engram_changes* sink) {
        const auto deadline = Clock::now() + std::chrono::milliseconds(wait_ms);
        while (true) {
            const auto tenant = tenants_.get(db);
            if (!tenant) return fail(call, ENGRAM_NOT_FOUND, kNoHandle);
            uint64_t newest = 0;
            const bool last = Clock::now() >= deadline;
            if (last || tenant->mayAsk(poll_)) {
                const engram_status status = newestLsn(call, db, &newest);
                if (status != ENGRAM_OK) return status;
                if (newest > after || last) return push(call, db, after, newest, limit, sink);
            }
            const auto until = std::min(deadline, Clock::now() + poll_);
            if (!tenant->awaitAbove(after, until)) continue;
            if (const engram_status status = newestLsn(call, db, &newest); status != ENGRAM_OK) return status;
            return push(call, db, after, newest, limit, sink);
        }
    }

    engram_status hold(engram_call* call, uint64_t db, engram_str name, uint64_t lsn) {
        if (!isText(view(name))) return fail(call, ENGRAM_INVALID_ARGUMENT, "a hold's name is UTF-8");
        return inTransaction(call, db, [&](Session& session, const Parameters& tenant) -> engram_status {
            Parameters parameters = tenant;
            parameters.add(view(name));
            if (lsn == ENGRAM_LSN_MAX) session.queue(kRelease, parameters);
            else session.queue(kHold, parameters.add(std::min(lsn, uint64_t(kCurrent))));
            session.flush();
            return ENGRAM_OK;
        });
    }

    engram_status snapshot(engram_call* call, uint64_t db, const engram_sink* sink, uint64_t* lsn) {
        const auto tenant = tenants_.get(db);
        if (!tenant) return fail(call, ENGRAM_NOT_FOUND, kNoHandle);
        return guardedByPostgres(call, [&]() -> engram_status {
            const auto lease = pool_.take();
            return writeSnapshot(**lease, tenant->id, *sink, lsn);
        });
    }

    engram_status restore(engram_call* call, engram_str tenant, const engram_source* source) {
        const auto id = tenantOf(view(tenant));
        if (!id) return fail(call, ENGRAM_INVALID_ARGUMENT, "a tenant's id is a UUID in lower case");
        return guardedByPostgres(call, [&]() -> engram_status {
            const auto lease = pool_.take();
            const engram_status status = readSnapshot(**lease, *id, *source);
            if (status == ENGRAM_ALREADY_EXISTS) return fail(call, status, "the tenant is there");
            if (status == ENGRAM_INVALID_ARGUMENT) return fail(call, status, "not a snapshot of this plugin");
            return status;
        });
    }

private:
    void migrateAsOwner() {
        std::string application;
        {
            const auto lease = pool_.take();
            application = (*lease)->run("SELECT current_user::text").bytes(0, 0);
        }
        Session owner(owner_);
        migrate(owner, owner_.schema, application);
    }

    static void create(Session& session, const engram_uuid& id) {
        const Parameters tenant = Parameters().add(id);
        session.queue(kBeginWrite).queue(kTenant, tenant).queue(kCreateTenant, tenant).queue(kCommit).flush();
    }

    static void report(engram_call* call, const Applied& applied, engram_apply_result& out) {
        out.outcome = applied.outcome;
        out.lsn = applied.lsn;
        out.first_lsn = applied.first_lsn;
        out.current_version = applied.current_version;
        out.current_count = applied.current_count;
        out.count_before = applied.count_before;
        out.failed_op = applied.failed_op;
        out.failed_limit = applied.failed_limit;
        out.message = keep(call, applied.message);
        out.answer = keepBytes(call, applied.answer);
    }

    // Asks what came of a transaction whose COMMIT got no answer; for a while, since the server may be starting.
    Apply::Fate fateOf(const Apply& apply) {
        const auto deadline = Clock::now() + pool_.options().connect;
        while (true) {
            try {
                const auto lease = pool_.take();
                return apply.fate(**lease);
            } catch (const PostgresError&) {
                if (Clock::now() >= deadline) return Apply::Fate::Unknown;
                pool_.dropIdle();
                std::this_thread::sleep_for(std::chrono::milliseconds(100));
            }
        }
    }

    engram_status newestLsn(engram_call* call, uint64_t db, uint64_t* lsn) {
        return onTenant(call, db, [&](Tenant& tenant, Session& session) {
            const auto answers = read(session, tenant.id, {{kFindTenant, {}}});
            if (answers[0].rows() == 0) return fail(call, ENGRAM_NOT_FOUND, kNoTenant);
            *lsn = static_cast<uint64_t>(answers[0].integer(0, 0));
            tenant.heard(*lsn);
            return engram_status(ENGRAM_OK);
        });
    }

    engram_status push(engram_call* call, uint64_t db, uint64_t after, uint64_t upto, uint32_t limit,
                       const engram_changes* sink) {
        const auto tenant = tenants_.get(db);
        if (!tenant) return fail(call, ENGRAM_NOT_FOUND, kNoHandle);
        return guardedByPostgres(call, [&] {
            return untilPushed([&](Session& session, bool* pushed) {
                return pushChanges(session, tenant->id, after, upto, limit, *sink, pushed);
            });
        });
    }

    engram_status statusOf(engram_call* call, const PostgresError& e) {
        if (e.damaged()) return fail(call, ENGRAM_DATA_LOSS, e.message);
        if (e.full()) return fail(call, ENGRAM_RESOURCE_EXHAUSTED, e.message);
        if (e.lost()) return fail(call, ENGRAM_UNAVAILABLE, "PostgreSQL does not answer: " + e.message);
        if (e.state == "57014" || e.state == "55P03" || e.state == "53300" || e.conflict())
            return fail(call, ENGRAM_UNAVAILABLE, e.message);
        return fail(call, ENGRAM_INTERNAL, e.state + " " + e.message);
    }

    template <class F>
    engram_status guardedByPostgres(engram_call* call, F&& f) {
        try {
            return f();
        } catch (const PostgresError& e) {
            host_.error("postgres failed", {{"reason", e.message}, {"state", e.state}, {"tenant", view(call->tenant)}});
            return statusOf(call, e);
        }
    }

    // Runs a read; once more if the connection is lost before anything was handed out.
    template <class F>
    engram_status untilPushed(F&& f) {
        bool pushed = false;
        try {
            return f(**pool_.take(), &pushed);
        } catch (const PostgresError& e) {
            if (!e.lost() || pushed) throw;
            pool_.dropIdle();
        }
        return f(**pool_.take(), &pushed);
    }

    // A read or something that may be done twice.
    template <class F>
    engram_status onTenant(engram_call* call, uint64_t db, F&& f) {
        const auto tenant = tenants_.get(db);
        if (!tenant) return fail(call, ENGRAM_NOT_FOUND, kNoHandle);
        if (call->flags & ENGRAM_CALL_INLINE) return ENGRAM_AGAIN;
        return guardedByPostgres(call, [&] { return pool_.run([&](Session& session) { return f(*tenant, session); }); });
    }

    // A write that may be done twice, under the tenant's lock.
    template <class F>
    engram_status inTransaction(engram_call* call, uint64_t db, F&& f) {
        return onTenant(call, db, [&](Tenant& tenant, Session& session) -> engram_status {
            const Parameters id = Parameters().add(tenant.id);
            const auto answers = session.queue(kBeginWrite).queue(kTenant, id).queue(kLockTenant, id).flush();
            if (answers[2].rows() == 0) return fail(call, ENGRAM_NOT_FOUND, kNoTenant);
            const engram_status status = f(session, id);
            if (status == ENGRAM_OK) session.queue(kCommit).flush();
            else session.rollback();
            return status;
        });
    }

    template <class F>
    engram_status onView(engram_call* call, uint64_t handle, F&& f) {
        std::shared_ptr<const View> open;
        {
            std::lock_guard lock(views_mutex_);
            if (auto it = views_.find(handle); it != views_.end()) open = it->second;
        }
        if (!open) return fail(call, ENGRAM_NOT_FOUND, "no such view");
        if (call->flags & ENGRAM_CALL_INLINE) return ENGRAM_AGAIN;
        const engram_status status = guardedByPostgres(call, [&] {
            return untilPushed([&](Session& session, bool* pushed) -> engram_status {
                Reader reader(*open, session, pushed);
                return f(reader);
            });
        });
        if (!tasks_) tenants_.trim(max_index_bytes_, idle_);
        return status;
    }

    template <class F>
    engram_status onScope(engram_call* call, uint64_t handle, const engram_scope& scope, F&& f) {
        const std::string why = filter::complaint(scope.filter);
        if (!why.empty()) return fail(call, ENGRAM_INVALID_ARGUMENT, why);
        return onView(call, handle, f);
    }

    static void trimAll(void* self, engram_call*) {
        auto& plugin = *static_cast<StoragePostgres*>(self);
        plugin.tenants_.trim(plugin.max_index_bytes_, plugin.idle_);
    }

    Host host_;
    Pool pool_;
    const ConnectOptions owner_;
    const size_t max_index_bytes_;
    const std::chrono::seconds idle_;
    const std::chrono::milliseconds poll_;
    Tenants tenants_;
    const engram_host_tasks_v1* tasks_ = nullptr;
    uint64_t task_ = 0;
    std::mutex views_mutex_;
    std::unordered_map<uint64_t, std::shared_ptr<const View>> views_;
    uint64_t next_view_ = 1;
};

}  // namespace
}  // namespace engram::storage_postgres

ENGRAM_PLUGIN(engram::storage_postgres::StoragePostgres, R"json({
  "id": "storage-postgres", "version": "0.1.0", "kind": "storage", "provides": ["engram.storage/1"],
  "services": ["engram.host.log/1", "engram.host.json/1", "engram.host.tasks/1"],
  "status": "beta", "license": "MIT",
  "description": "Memories in PostgreSQL, tenants apart by row-level security; any number of servers on one database",
  "config": {"type": "object", "additionalProperties": false, "required": ["url"], "properties": {
    "url": {"type": "string", "minLength": 1, "description": "Where PostgreSQL is, as the application role: postgresql://role@host/database, or keywords as libpq reads them"},
    "owner_url": {"type": "string", "default": "", "description": "The same as the role that owns the tables, to make and migrate them at start; empty = they are there"},
    "schema": {"type": "string", "pattern": "^[a-z_][a-z0-9_]{0,62}$", "default": "engram", "description": "The schema with the tables"},
    "connections": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 8, "description": "Connections to PostgreSQL, at most"},
    "connect_timeout_ms": {"type": "integer", "minimum": 2000, "maximum": 60000, "default": 5000, "description": "Time for making a connection"},
    "statement_timeout_ms": {"type": "integer", "minimum": 100, "maximum": 3600000, "default": 30000, "description": "Time for one statement in PostgreSQL"},
    "lock_timeout_ms": {"type": "integer", "minimum": 100, "maximum": 3600000, "default": 10000, "description": "Time a write waits for another server's write to the same tenant"},
    "index_megabytes": {"type": "integer", "minimum": 1, "maximum": 1048576, "default": 1024, "description": "Memory for the search indexes of all tenants; the longest unused is dropped first"},
    "idle_seconds": {"type": "integer", "minimum": 1, "maximum": 86400, "default": 300, "description": "Time without a search after which a tenant's index is dropped"},
    "feed_poll_ms": {"type": "integer", "minimum": 10, "maximum": 60000, "default": 500, "description": "How often a waiting reader of the feed asks for other servers' writes"}}}
})json", engram::storage)
