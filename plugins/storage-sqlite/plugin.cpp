// storage-sqlite: one SQLite file a tenant. This file is the border: handles, statuses, the life of open tenants.
#include "feed.hpp"
#include "open_tenants.hpp"
#include "reader.hpp"
#include "snapshot.hpp"
#include "spaces.hpp"
#include "tenant.hpp"
#include "vector_rows.hpp"
#include "writer.hpp"

#include <engram/cpp/filter.hpp>
#include <engram/cpp/storage.hpp>

#include <algorithm>
#include <cmath>
#include <memory>
#include <sstream>
#include <unordered_map>

#include <sys/stat.h>

namespace engram::storage_sqlite {
namespace {

using Clock = std::chrono::steady_clock;

constexpr uint32_t kMaxList = 10000;
constexpr std::chrono::milliseconds kReaderWait{5000};
constexpr uint64_t kMaintenanceMilliseconds = 50;

// Until when a write waits for readers.
Deadline deadlineOf(const engram_call* call) {
    const Deadline patience = Clock::now() + kReaderWait;
    return call->deadline_ns ? std::min(patience, Deadline(std::chrono::nanoseconds(call->deadline_ns))) : patience;
}

class StorageSqlite {
public:
    StorageSqlite(Host host, Config config)
        : host_(host),
          tenants_(optionsOf(config),
                   {static_cast<size_t>(config.integer("/open_tenants", 200)),
                    std::chrono::seconds(config.integer("/idle_seconds", 300)),
                    static_cast<uint64_t>(config.integer("/reserve_bytes", 8 << 20))},
                   [this](OpenTenants::Event event, const std::string& tenant, const std::string& why) {
                       if (event == OpenTenants::Event::Back) host_.info("a tenant is back", {{"tenant", tenant}});
                       else host_.error("a tenant is shut", {{"tenant", tenant}, {"reason", why}});
                   }) {}

    engram_status start(engram_call* call) {
        folder_ = host_.stateDir();
        if (folder_.empty()) return fail(call, ENGRAM_FAILED_PRECONDITION, "the host gave no state_dir");
        tenants_.setFolder(folder_);
        tasks_ = host_.service<engram_host_tasks_v1>(ENGRAM_HOST_TASKS);
        if (!tasks_) return ENGRAM_OK;  // apply() then does what maintenance would
        return tasks_->post(host_.raw(), &guardedTask<&StorageSqlite::maintainAll>, this, kMaintenanceMilliseconds,
                            kMaintenanceMilliseconds, &task_);
    }

    engram_status stop(engram_call*) {
        {
            std::lock_guard lock(views_mutex_);
            views_.clear();
        }
        tenants_.closeAll();
        return ENGRAM_OK;
    }

    // DATA_LOSS: one tenant or more is shut, the others are served. RESOURCE_EXHAUSTED: some cannot write.
    engram_status health(engram_call* call) {
        if (const auto shut = tenants_.shutOnes(); !shut.empty())
            return fail(call, ENGRAM_DATA_LOSS, listed(shut, "shut"));
        std::lock_guard lock(full_mutex_);
        return full_.empty() ? engram_status(ENGRAM_OK)
                             : fail(call, ENGRAM_RESOURCE_EXHAUSTED, listed(full_, "not writable"));
    }

    engram_status open(engram_call* call, engram_str tenant, uint32_t flags, uint64_t* db) {
        const std::string id(view(tenant));
        if (!isTenantId(id)) return fail(call, ENGRAM_INVALID_ARGUMENT, "a tenant's id is a UUID in lower case");
        return guardedBySqlite(call, 0, [&]() -> engram_status {
            const auto create = flags & ENGRAM_OPEN_CREATE ? OpenTenants::Create::Yes : OpenTenants::Create::No;
            *db = tenants_.open(id, create);
            return *db ? engram_status(ENGRAM_OK) : fail(call, ENGRAM_NOT_FOUND, "no such tenant");
        });
    }

    engram_status close(engram_call* call, uint64_t db) {
        return tenants_.close(db) ? engram_status(ENGRAM_OK) : fail(call, ENGRAM_NOT_FOUND, "no such handle");
    }

    engram_status stats(engram_call* call, uint64_t db, engram_storage_stats* out) {
        return onTenant(call, db, [&](Tenant& tenant) {
            struct stat info {};
            out->bytes_on_disk = stat(tenant.file().c_str(), &info) == 0 ? static_cast<uint64_t>(info.st_size) : 0;
            if (stat((tenant.file() + "-wal").c_str(), &info) == 0) out->bytes_on_disk += static_cast<uint64_t>(info.st_size);
            std::shared_lock lock(tenant.index_mutex);
            out->lsn = tenant.lsn();
            out->trimmed_lsn = 0;
            out->index_lag = tenant.tail.rows();
            auto* counters = allocateArray<engram_counter_value>(call, tenant.counters.size());
            size_t n = 0;
            for (const auto& [name, value] : tenant.counters) counters[n++] = {keep(call, name), value};
            out->counters = counters;
            out->n_counters = n;
            return engram_status(ENGRAM_OK);
        });
    }

    // Through a connection of its own, so that reads and writes go on.
    engram_status check(engram_call* call, uint64_t db) {
        return onTenant(call, db, [&](Tenant& tenant) {
            Connection reader(tenant.file(), Connection::Role::Reader, tenant.options().vfs, tenant.options().synchronous.c_str());
            Statement result = reader.statement("PRAGMA quick_check(1)");
            if (!result.step()) throw SqliteError(SQLITE_CORRUPT, "quick_check gives no answer");
            if (result.text(0) != "ok") throw SqliteError(SQLITE_CORRUPT, std::string(result.text(0)));
            return engram_status(ENGRAM_OK);
        });
    }

    engram_status erase(engram_call* call, engram_str tenant) {
        const std::string id(view(tenant));
        if (!isTenantId(id)) return fail(call, ENGRAM_INVALID_ARGUMENT, "a tenant's id is a UUID in lower case");
        return guardedBySqlite(call, 0, [&]() -> engram_status {
            engram_status status = ENGRAM_OK;
            const bool done = tenants_.whileClosed(id, [&](const std::string& folder) {
                if (exists(folder)) removeFolder(folder);
                else status = fail(call, ENGRAM_NOT_FOUND, "no such tenant");
            });
            return done ? status : fail(call, ENGRAM_FAILED_PRECONDITION, "the tenant is open");
        });
    }

    engram_status apply(engram_call* call, uint64_t db, const engram_batch* batches, size_t n, engram_apply_result* results) {
        const engram_status status = onTenant(call, db, [&](Tenant& tenant) {
            std::vector<Applied> applied;
            {
                std::lock_guard writing(tenant.writer_mutex);
                tenant.readyToWrite(deadlineOf(call));
                tenant.checkpointIfDue();
                applied = applyBatches(tenant, batches, n, deadlineOf(call));
            }
            for (size_t i = 0; i < n; ++i) {
                engram_apply_result& out = results[i];
                out.outcome = applied[i].outcome;
                out.lsn = applied[i].lsn;
                out.first_lsn = applied[i].first_lsn;
                out.current_version = applied[i].current_version;
                out.current_count = applied[i].current_count;
                out.count_before = applied[i].count_before;
                out.failed_op = applied[i].failed_op;
                out.failed_limit = applied[i].failed_limit;
                out.message = keep(call, applied[i].message);
                out.answer = keepBytes(call, applied[i].answer);
            }
            if (!tasks_) tenant.maintain();
            return engram_status(ENGRAM_OK);
        });
        noteWritable(db, status);
        return status;
    }

    engram_status begin(engram_call* call, uint64_t db, uint64_t at_lsn, uint64_t min_lsn, uint64_t* view,
                        uint64_t* lsn) {
        return guardedBySqlite(call, db, [&]() -> engram_status {
            const bool in_line = (call->flags & ENGRAM_CALL_INLINE) != 0;
            const auto tenant = tenants_.get(db, in_line ? OpenTenants::Wait::No : OpenTenants::Wait::Yes);
            if (!tenant && in_line && tenants_.knows(db)) return ENGRAM_AGAIN;
            if (!tenant) return fail(call, ENGRAM_NOT_FOUND, "no such handle");
            const uint64_t newest = tenant->lsn();
            const uint64_t at = at_lsn == ENGRAM_LSN_MAX ? newest : at_lsn;
            if (at > newest || min_lsn > newest) return fail(call, ENGRAM_OUT_OF_RANGE, "the LSN is not reached yet");
            auto reader = tenant->takeReader(Clock::now() + (in_line ? std::chrono::milliseconds(0) : kReaderWait));
            if (!reader) return in_line ? ENGRAM_AGAIN : fail(call, ENGRAM_UNAVAILABLE, "all readers are busy");
            auto made = std::make_shared<Reader>(tenant, std::move(reader), at);
            std::lock_guard lock(views_mutex_);
            *view = next_view_++;
            *lsn = at;
            views_[*view] = {std::move(made), db};
            return ENGRAM_OK;
        });
    }

    void end(uint64_t view) noexcept {
        std::shared_ptr<Reader> ended;  // its connection is given back outside of the lock
        std::lock_guard lock(views_mutex_);
        if (auto it = views_.find(view); it != views_.end()) {
            ended = std::move(it->second.reader);
            views_.erase(it);
        }
    }

    engram_status get(engram_call* call, uint64_t view, const engram_ref* refs, size_t n, uint32_t want,
                      const engram_rows* rows) {
        return onView(call, view, [&](Reader& reader) { return reader.get(refs, n, want, *rows); });
    }

    engram_status list(engram_call* call, uint64_t view, const engram_list_query* query, const engram_rows* rows,
                       engram_str* next) {
        if (query->order < ENGRAM_ORDER_CREATED || query->order > ENGRAM_ORDER_IMPORTANCE || query->limit == 0 ||
            query->limit > kMaxList)
            return fail(call, ENGRAM_INVALID_ARGUMENT, "unknown order, or a limit that is not 1 to 10000");
        return onScope(call, view, query->scope, [&](Reader& reader) {
            std::string cursor;
            const engram_status status = reader.list(*query, *rows, cursor);
            if (status == ENGRAM_INVALID_ARGUMENT) return fail(call, status, "not a cursor of this query");
            *next = keep(call, cursor);
            return status;
        });
    }

    engram_status history(engram_call* call, uint64_t view, const engram_uuid* id, uint32_t want,
                          const engram_rows* rows) {
        return onView(call, view, [&](Reader& reader) { return reader.history(*id, want, *rows); });
    }

    engram_status edges(engram_call* call, uint64_t view, const engram_uuid* id, uint32_t incoming,
                        const engram_edges* sink) {
        return onView(call, view, [&](Reader& reader) { return reader.edges(*id, incoming != 0, *sink); });
    }

    engram_status terms(engram_call* call, uint64_t view, const engram_scope* scope, const engram_str* terms, size_t n,
                        uint64_t* df, engram_term_stats* out) {
        return onScope(call, view, *scope, [&](Reader& reader) {
            *out = reader.terms(*scope, terms, n, df);
            return engram_status(ENGRAM_OK);
        });
    }

    engram_status expand(engram_call* call, uint64_t view, const engram_scope* scope, engram_str prefix, uint32_t limit,
                         void* ctx, engram_status (*term)(void*, engram_str, uint64_t)) {
        return onScope(call, view, *scope,
                       [&](Reader& reader) { return reader.expand(*scope, engram::view(prefix), limit, ctx, term); });
    }

    engram_status similarTerms(engram_call* call, uint64_t view, const engram_scope* scope, engram_str term, uint32_t most,
                               uint32_t limit, const engram_similar_terms* sink) {
        return onScope(call, view, *scope, [&](Reader& reader) {
            const engram_status status = reader.similarTerms(*scope, engram::view(term), most, limit, *sink);
            return status == ENGRAM_INVALID_ARGUMENT ? fail(call, status, "not a distance, a limit or a term") : status;
        });
    }

    engram_status companions(engram_call* call, uint64_t view, const engram_scope* scope, const uint64_t* rids, size_t n,
                             uint64_t most, const engram_groups* sink) {
        return onScope(call, view, *scope, [&](Reader& reader) { return reader.companions(*scope, rids, n, most, *sink); });
    }

    engram_status match(engram_call* call, uint64_t view, const engram_scope* scope, const engram_str* terms, size_t n,
                        const engram_postings* sink) {
        return onScope(call, view, *scope, [&](Reader& reader) { return reader.match(*scope, terms, n, *sink); });
    }

    engram_status matchBest(engram_call* call, uint64_t view, const engram_scope* scope, const engram_str* terms, size_t n,
                            const engram_ranking* ranking, const engram_postings* sink) {
        return onScope(call, view, *scope, [&](Reader& reader) {
            const engram_status status = reader.matchBest(*scope, terms, n, *ranking, *sink);
            return status == ENGRAM_INVALID_ARGUMENT ? fail(call, status, "not a ranking") : status;
        });
    }

    engram_status nearest(engram_call* call, uint64_t view, const engram_scope* scope, uint32_t space,
                          const float* vector, uint32_t k, engram_neighbour* out, size_t* n_out) {
        return onScope(call, view, *scope, [&](Reader& reader) {
            const engram_status status = reader.nearest(*scope, space, vector, k, out, n_out);
            return status == ENGRAM_NOT_FOUND ? fail(call, status, "no such vector space") : status;
        });
    }

    engram_status spaceCreate(engram_call* call, uint64_t db, engram_space* space) {
        if (space->name.len == 0 || space->dimensions == 0 || space->dimensions > 65536)
            return fail(call, ENGRAM_INVALID_ARGUMENT, "a space has a name and 1 to 65536 dimensions");
        return onTenant(call, db, [&](Tenant& tenant) {
            std::lock_guard writing(tenant.writer_mutex);
            tenant.readyToWrite(deadlineOf(call));
            const Space made = createSpace(tenant, engram::view(space->name), space->dimensions);
            if (made.dimensions != space->dimensions)
                return fail(call, ENGRAM_ALREADY_EXISTS, "the space has other dimensions");
            space->id = made.id;
            space->active = made.active;
            return engram_status(ENGRAM_OK);
        });
    }

    engram_status spaceActivate(engram_call* call, uint64_t db, uint32_t space) {
        return onTenant(call, db, [&](Tenant& tenant) {
            std::lock_guard writing(tenant.writer_mutex);
            tenant.readyToWrite(deadlineOf(call));
            if (!findSpace(tenant, space)) return fail(call, ENGRAM_NOT_FOUND, "no such vector space");
            markSpace(tenant, space, ENGRAM_SPACE_ACTIVE);
            return engram_status(ENGRAM_OK);
        });
    }

    engram_status spacePrepare(engram_call* call, uint64_t db, uint32_t space) {
        return onTenant(call, db, [&](Tenant& tenant) {
            std::lock_guard writing(tenant.writer_mutex);
            tenant.readyToWrite(deadlineOf(call));
            const Space* known = findSpace(tenant, space);
            if (space != 0 && !known) return fail(call, ENGRAM_NOT_FOUND, "no such vector space");
            if (known && known->active == ENGRAM_SPACE_ACTIVE)
                return fail(call, ENGRAM_FAILED_PRECONDITION, "the space is active");
            markSpace(tenant, space, ENGRAM_SPACE_NEXT);
            return engram_status(ENGRAM_OK);
        });
    }

    engram_status spaceDrop(engram_call* call, uint64_t db, uint32_t space) {
        return onTenant(call, db, [&](Tenant& tenant) {
            std::lock_guard writing(tenant.writer_mutex);
            tenant.readyToWrite(deadlineOf(call));
            if (!findSpace(tenant, space)) return fail(call, ENGRAM_NOT_FOUND, "no such vector space");
            dropVectors(tenant, space);
            std::unique_lock lock(tenant.index_mutex);
            std::erase_if(tenant.spaces, [&](const Space& s) { return s.id == space; });
            tenant.vectors.erase(space);
            tenant.publish(tenant.lsn());
            return engram_status(ENGRAM_OK);
        });
    }

    engram_status spaces(engram_call* call, uint64_t db, const engram_spaces* sink) {
        return onTenant(call, db, [&](Tenant& tenant) {
            std::vector<Space> all;
            std::map<uint32_t, uint64_t> covered;
            {
                std::shared_lock lock(tenant.index_mutex);
                all = tenant.spaces;
            }
            if (!all.empty() && !(sink->flags & ENGRAM_SPACES_UNCOUNTED))
                if (const engram_status status = onReader(call, tenant, [&](Connection& reader) {
                        const uint64_t generation = tenant.generation();
                        if (!reader.holdsSnapshot(generation)) reader.takeSnapshot(generation);
                        covered = countVectors(reader);
                        return engram_status(ENGRAM_OK);
                    });
                    status != ENGRAM_OK)
                    return status;
            for (const Space& s : all) {
                engram_space space{};
                space.size = sizeof space;
                space.id = s.id;
                space.dimensions = s.dimensions;
                space.active = s.active;
                space.name = borrow(s.name);
                space.covered = covered[s.id];
                if (const engram_status status = sink->space(sink->ctx, &space); status != ENGRAM_OK) return status;
            }
            return engram_status(ENGRAM_OK);
        });
    }

    engram_status unfilled(engram_call* call, uint64_t view, uint32_t space, uint32_t kind, uint64_t after, uint32_t limit,
                           uint32_t want, const engram_rows* rows) {
        if (limit == 0 || limit > kMaxList) return fail(call, ENGRAM_INVALID_ARGUMENT, "a limit that is not 1 to 10000");
        return onView(call, view, [&](Reader& reader) {
            const engram_status status = reader.unfilled(space, kind, after, limit, want, *rows);
            return status == ENGRAM_NOT_FOUND ? fail(call, status, "no such vector space") : status;
        });
    }

    engram_status fill(engram_call* call, uint64_t db, uint32_t space, const engram_fill* fills, size_t n,
                       uint64_t* filled) {
        return onTenant(call, db, [&](Tenant& tenant) {
            std::lock_guard writing(tenant.writer_mutex);
            tenant.readyToWrite(deadlineOf(call));
            const Space* known = findSpace(tenant, space);
            if (!known) return fail(call, ENGRAM_NOT_FOUND, "no such vector space");
            for (size_t i = 0; i < n; ++i)
                if (!std::all_of(fills[i].values, fills[i].values + known->dimensions, [](float v) { return std::isfinite(v); }))
                    return fail(call, ENGRAM_INVALID_ARGUMENT, "a vector with a number that is not finite");
            *filled = fillVectors(tenant, *known, fills, n);
            return engram_status(ENGRAM_OK);
        });
    }

    engram_status changes(engram_call* call, uint64_t db, uint64_t after, uint32_t limit, uint32_t wait_ms,
                          const engram_changes* sink) {
        return onTenant(call, db, [&](Tenant& tenant) {
            if (wait_ms > 0) {
                std::unique_lock lock(tenant.changed_mutex);
                tenant.changed.wait_for(lock, std::chrono::milliseconds(wait_ms), [&] { return tenant.lsn() > after; });
            }
            return onReader(call, tenant, [&](Connection& reader) { return pushChanges(tenant, reader, after, limit, *sink); });
        });
    }

    engram_status hold(engram_call* call, uint64_t db, engram_str name, uint64_t lsn) {
        return onTenant(call, db, [&](Tenant& tenant) {
            std::lock_guard writing(tenant.writer_mutex);
            tenant.readyToWrite(deadlineOf(call));
            if (lsn == ENGRAM_LSN_MAX)
                tenant.writer->statement("DELETE FROM holds WHERE name = ?").bindText(1, view(name)).run();
            else
                tenant.writer->statement("INSERT OR REPLACE INTO holds VALUES(?, ?)").bindText(1, view(name)).bind(2, lsn).run();
            return engram_status(ENGRAM_OK);
        });
    }

    engram_status snapshot(engram_call* call, uint64_t db, const engram_sink* sink, uint64_t* lsn) {
        return onTenant(call, db, [&](Tenant& tenant) { return writeSnapshot(tenant, *sink, lsn); });
    }

    engram_status restore(engram_call* call, engram_str tenant, const engram_source* source) {
        const std::string id(view(tenant));
        if (!isTenantId(id)) return fail(call, ENGRAM_INVALID_ARGUMENT, "a tenant's id is a UUID in lower case");
        return guardedBySqlite(call, 0, [&]() -> engram_status {
            engram_status status = ENGRAM_OK;
            const bool done = tenants_.whileClosed(id, [&](const std::string& folder) {
                if (exists(folder)) status = fail(call, ENGRAM_ALREADY_EXISTS, "the tenant is there");
                else status = restored(call, folder, *source);
            });
            return done ? status : fail(call, ENGRAM_ALREADY_EXISTS, "the tenant is there");
        });
    }

private:
    struct OpenView {
        std::shared_ptr<Reader> reader;
        uint64_t db;
    };

    static Options optionsOf(const Config& config) {
        Options options;
        options.synchronous = config.text("/synchronous", "full") == "off" ? "PRAGMA synchronous=OFF" : "PRAGMA synchronous=FULL";
        options.vfs = config.text("/vfs");
        options.readers = static_cast<unsigned>(config.integer("/readers", 4));
        options.max_bytes = static_cast<uint64_t>(config.integer("/max_bytes", 0));
        options.fold_rows = static_cast<size_t>(config.integer("/fold_rows", 50000));
        options.postings = std::make_shared<PostingCache>(static_cast<size_t>(config.integer("/posting_cache_bytes", 64 << 20)));
        return options;
    }

    static bool exists(const std::string& folder) {
        struct stat info {};
        return lstat(folder.c_str(), &info) == 0;
    }

    static engram_status restored(engram_call* call, const std::string& folder, const engram_source& source) {
        try {
            return readSnapshot(folder, source);
        } catch (const SqliteError& e) {
            if (e.damaged()) return fail(call, ENGRAM_INVALID_ARGUMENT, "not a snapshot of this plugin");
            throw;
        }
    }

    // "tenant 0190… is shut: why; 3 more"
    template <class Map>
    static std::string listed(const Map& tenants, const char* state) {
        std::ostringstream text;
        text << "tenant " << tenants.begin()->first << " is " << state << ": " << tenants.begin()->second;
        if (tenants.size() > 1) text << "; " << tenants.size() - 1 << " more";
        return text.str();
    }

    // For health(): the tenants whose last write found no room.
    void noteWritable(uint64_t db, engram_status status) {
        if (status != ENGRAM_OK && status != ENGRAM_RESOURCE_EXHAUSTED) return;
        std::lock_guard lock(full_mutex_);
        if (status == ENGRAM_OK && full_.empty()) return;
        if (status == ENGRAM_OK) full_.erase(tenants_.idOf(db));
        else full_[tenants_.idOf(db)] = "the disk or its own limit is full";
    }

    static engram_status statusOf(engram_call* call, const SqliteError& e) {
        if (e.damaged()) return fail(call, ENGRAM_DATA_LOSS, e.message);
        if (e.full()) return fail(call, ENGRAM_RESOURCE_EXHAUSTED, e.message);
        return fail(call, ENGRAM_UNAVAILABLE, e.message);
    }

    // What a failing file does to its own tenant, `db`; the others go on.
    template <class F>
    engram_status guardedBySqlite(engram_call* call, uint64_t db, F&& f) {
        try {
            return f();
        } catch (const SqliteError& e) {
            if (db && e.damaged()) tenants_.shut(db, e.message);
            if (!e.damaged()) host_.error("sqlite failed", {{"reason", e.message}, {"tenant", view(call->tenant)}});
            return statusOf(call, e);
        }
    }

    // The same with the tenant at hand: after an I/O error nothing is written before its file has been put right.
    template <class F>
    engram_status guardedBySqlite(engram_call* call, uint64_t db, Tenant& tenant, F&& f) {
        return guardedBySqlite(call, db, [&]() -> engram_status {
            if (tenant.damaged.load()) return fail(call, ENGRAM_DATA_LOSS, "the tenant is shut");
            try {
                return f();
            } catch (const SqliteError& e) {
                if (e.io()) tenant.distrust();
                throw;
            }
        });
    }

    template <class F>
    engram_status onTenant(engram_call* call, uint64_t db, F&& f) {
        return guardedBySqlite(call, db, [&]() -> engram_status {
            const auto tenant = tenants_.get(db, OpenTenants::Wait::Yes);
            if (!tenant) return fail(call, ENGRAM_NOT_FOUND, "no such handle");
            return guardedBySqlite(call, db, *tenant, [&]() -> engram_status { return f(*tenant); });
        });
    }

    // With a reading connection of the tenant for a while.
    template <class F>
    static engram_status onReader(engram_call* call, Tenant& tenant, F&& f) {
        auto reader = tenant.takeReader(Clock::now() + kReaderWait);
        if (!reader) return fail(call, ENGRAM_UNAVAILABLE, "all readers are busy");
        struct Return {
            Tenant& tenant;
            std::unique_ptr<Connection>& reader;
            ~Return() { tenant.giveReader(std::move(reader)); }
        } give{tenant, reader};
        return f(*reader);
    }

    template <class F>
    engram_status onView(engram_call* call, uint64_t view, F&& f) {
        OpenView open{};
        {
            std::lock_guard lock(views_mutex_);
            auto it = views_.find(view);
            if (it != views_.end()) open = it->second;
        }
        if (!open.reader) return fail(call, ENGRAM_NOT_FOUND, "no such view");
        return guardedBySqlite(call, open.db, *open.reader->tenant(), [&]() -> engram_status { return f(*open.reader); });
    }

    template <class F>
    engram_status onScope(engram_call* call, uint64_t view, const engram_scope& scope, F&& f) {
        const std::string why = filter::complaint(scope.filter);
        if (!why.empty()) return fail(call, ENGRAM_INVALID_ARGUMENT, why);
        return onView(call, view, f);
    }

    static void maintainAll(void* self, engram_call* call) {
        auto& plugin = *static_cast<StorageSqlite*>(self);
        for (const auto& [db, tenant] : plugin.tenants_.openOnes())
            plugin.guardedBySqlite(call, db, *tenant, [&open = *tenant]() -> engram_status {
                open.maintain();
                return ENGRAM_OK;
            });
        plugin.tenants_.trim();
        plugin.tenants_.keepReserve();
    }

    Host host_;
    std::string folder_;
    OpenTenants tenants_;
    const engram_host_tasks_v1* tasks_ = nullptr;
    uint64_t task_ = 0;
    std::mutex full_mutex_;
    std::map<std::string, std::string> full_;
    std::mutex views_mutex_;
    std::unordered_map<uint64_t, OpenView> views_;
    uint64_t next_view_ = 1;
};

}  // namespace
}  // namespace engram::storage_sqlite

ENGRAM_PLUGIN(engram::storage_sqlite::StorageSqlite, R"json({
  "id": "storage-sqlite", "version": "0.1.0", "kind": "storage", "provides": ["engram.storage/1"],
  "services": ["engram.host.log/1", "engram.host.json/1", "engram.host.tasks/1", "engram.host.state_dir/1"],
  "status": "beta", "license": "MIT",
  "description": "Memories in one SQLite file a tenant, on disk before they are acknowledged",
  "config": {"type": "object", "additionalProperties": false, "properties": {
    "synchronous": {"type": "string", "enum": ["full", "off"], "default": "full", "description": "off loses acknowledged writes in a power cut: for measurements only"},
    "open_tenants": {"type": "integer", "minimum": 1, "maximum": 100000, "default": 200, "description": "Tenants whose files are kept open; the longest unused is closed first"},
    "idle_seconds": {"type": "integer", "minimum": 1, "maximum": 86400, "default": 300, "description": "Time without use after which a tenant's file is closed"},
    "reserve_bytes": {"type": "integer", "minimum": 0, "maximum": 1073741824, "default": 8388608, "description": "Room on the disk kept free for opening tenants, so that they can be read when it is full; some 64 KiB a tenant"},
    "readers": {"type": "integer", "minimum": 1, "maximum": 64, "default": 4, "description": "Reading connections a tenant"},
    "max_bytes": {"type": "integer", "minimum": 0, "default": 0, "description": "Largest file of a tenant; 0 = no limit"},
    "fold_rows": {"type": "integer", "minimum": 1, "maximum": 10000000, "default": 50000, "description": "Rows whose words may wait outside of the file's index"},
    "posting_cache_bytes": {"type": "integer", "minimum": 0, "maximum": 1099511627776, "default": 67108864, "description": "Memory for the postings of the words that are searched most, of all tenants together"},
    "vfs": {"type": "string", "default": "", "description": "SQLite file layer; empty = the system's"}}}
})json", engram::storage)
