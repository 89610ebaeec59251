// storage-sqlite: one SQLite file a tenant. This file is the border: handles, statuses, the life of open tenants.
#include "feed.hpp"
#include "reader.hpp"
#include "snapshot.hpp"
#include "tenant.hpp"
#include "writer.hpp"

#include <engram/cpp/filter.hpp>
#include <engram/cpp/storage.hpp>

#include <algorithm>
#include <list>
#include <memory>
#include <unordered_map>

#include <sys/stat.h>

namespace engram::storage_sqlite {
namespace {

using Clock = std::chrono::steady_clock;

constexpr uint32_t kMaxList = 10000;
constexpr std::chrono::milliseconds kReaderWait{5000};
constexpr uint64_t kMaintenanceMilliseconds = 50;

// A canonical UUID: nothing else becomes part of a path.
bool isTenantId(std::string_view id) {
    if (id.size() != 36) return false;
    for (size_t i = 0; i < id.size(); ++i) {
        const bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;
        const char c = id[i];
        if (hyphen ? c != '-' : !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) return false;
    }
    return true;
}

class StorageSqlite {
public:
    StorageSqlite(Host host, Config config)
        : host_(host), open_tenants_(static_cast<size_t>(config.integer("/open_tenants", 200))) {
        options_.synchronous = config.text("/synchronous", "full") == "off" ? "PRAGMA synchronous=OFF" : "PRAGMA synchronous=FULL";
        options_.vfs = config.text("/vfs");
        options_.readers = static_cast<unsigned>(config.integer("/readers", 4));
        options_.max_bytes = static_cast<uint64_t>(config.integer("/max_bytes", 0));
        options_.fold_rows = static_cast<size_t>(config.integer("/fold_rows", 50000));
    }

    engram_status start(engram_call* call) {
        folder_ = host_.stateDir();
        if (folder_.empty()) return fail(call, ENGRAM_FAILED_PRECONDITION, "the host gave no state_dir");
        tasks_ = host_.service<engram_host_tasks_v1>(ENGRAM_HOST_TASKS);
        if (!tasks_) return ENGRAM_OK;  // apply() then does what maintenance would
        return tasks_->post(host_.raw(), &StorageSqlite::maintainAll, this, kMaintenanceMilliseconds,
                            kMaintenanceMilliseconds, &task_);
    }

    engram_status stop(engram_call*) {
        std::lock_guard lock(mutex_);
        views_.clear();
        handles_.clear();
        tenants_.clear();
        return ENGRAM_OK;
    }

    engram_status open(engram_call* call, engram_str tenant, uint32_t flags, uint64_t* db) {
        const std::string id(view(tenant));
        if (!isTenantId(id)) return fail(call, ENGRAM_INVALID_ARGUMENT, "a tenant's id is a UUID in lower case");
        return guardedBySqlite(call, nullptr, [&]() -> engram_status {
            std::lock_guard lock(mutex_);
            auto it = tenants_.find(id);
            if (it == tenants_.end()) {
                const std::string folder = folder_ + "/" + id;
                struct stat info {};
                const bool there = lstat((folder + "/engram.db").c_str(), &info) == 0;
                if (!there && !(flags & ENGRAM_OPEN_CREATE)) return fail(call, ENGRAM_NOT_FOUND, "no such tenant");
                if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
                    return fail(call, ENGRAM_UNAVAILABLE, "the tenant's folder cannot be made");
                it = tenants_.emplace(id, Open{std::make_shared<Tenant>(folder, options_), next_handle_++, 0, {}}).first;
                handles_[it->second.handle] = id;
            }
            ++it->second.count;
            it->second.used = Clock::now();
            *db = it->second.handle;
            closeIdle();
            return ENGRAM_OK;
        });
    }

    engram_status close(engram_call* call, uint64_t db) {
        std::lock_guard lock(mutex_);
        Open* open = find(db);
        if (!open || open->count == 0) return fail(call, ENGRAM_NOT_FOUND, "no such handle");
        --open->count;
        open->used = Clock::now();
        closeIdle();
        return ENGRAM_OK;
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

    engram_status erase(engram_call* call, engram_str tenant) {
        const std::string id(view(tenant));
        if (!isTenantId(id)) return fail(call, ENGRAM_INVALID_ARGUMENT, "a tenant's id is a UUID in lower case");
        return guardedBySqlite(call, nullptr, [&]() -> engram_status {
            std::lock_guard lock(mutex_);
            if (auto it = tenants_.find(id); it != tenants_.end()) {
                if (it->second.count > 0 || it->second.tenant.use_count() > 1)
                    return fail(call, ENGRAM_FAILED_PRECONDITION, "the tenant is open");
                handles_.erase(it->second.handle);
                tenants_.erase(it);
            }
            struct stat info {};
            if (lstat((folder_ + "/" + id).c_str(), &info) != 0) return fail(call, ENGRAM_NOT_FOUND, "no such tenant");
            removeFolder(folder_ + "/" + id);
            return ENGRAM_OK;
        });
    }

    engram_status apply(engram_call* call, uint64_t db, const engram_batch* batches, size_t n,
                        engram_apply_result* results) {
        return onTenant(call, db, [&](Tenant& tenant) {
            std::vector<Applied> applied;
            {
                std::lock_guard writing(tenant.writer_mutex);
                applied = applyBatches(tenant, batches, n);
            }
            for (size_t i = 0; i < n; ++i) {
                engram_apply_result& out = results[i];
                out.outcome = applied[i].outcome;
                out.lsn = applied[i].lsn;
                out.first_lsn = applied[i].first_lsn;
                out.current_version = applied[i].current_version;
                out.current_count = applied[i].current_count;
                out.failed_op = applied[i].failed_op;
                out.failed_limit = applied[i].failed_limit;
                out.message = keep(call, applied[i].message);
                out.answer = keepBytes(call, applied[i].answer);
            }
            if (!tasks_) tenant.maintain();
            return engram_status(ENGRAM_OK);
        });
    }

    engram_status begin(engram_call* call, uint64_t db, uint64_t at_lsn, uint64_t min_lsn, uint64_t* view,
                        uint64_t* lsn) {
        auto tenant = tenantOf(db);
        if (!tenant) return fail(call, ENGRAM_NOT_FOUND, "no such handle");
        return guardedBySqlite(call, tenant.get(), [&]() -> engram_status {
            const uint64_t newest = tenant->lsn();
            const uint64_t at = at_lsn == ENGRAM_LSN_MAX ? newest : at_lsn;
            if (at > newest || min_lsn > newest) return fail(call, ENGRAM_OUT_OF_RANGE, "the LSN is not reached yet");
            const bool in_line = (call->flags & ENGRAM_CALL_INLINE) != 0;
            auto reader = tenant->takeReader(Clock::now() + (in_line ? std::chrono::milliseconds(0) : kReaderWait));
            if (!reader) return in_line ? ENGRAM_AGAIN : fail(call, ENGRAM_UNAVAILABLE, "all readers are busy");
            auto made = std::make_shared<Reader>(tenant, std::move(reader), at);
            std::lock_guard lock(views_mutex_);
            *view = next_view_++;
            *lsn = at;
            views_[*view] = std::move(made);
            return ENGRAM_OK;
        });
    }

    void end(uint64_t view) noexcept {
        std::shared_ptr<Reader> ended;  // its connection is given back outside of the lock
        std::lock_guard lock(views_mutex_);
        if (auto it = views_.find(view); it != views_.end()) {
            ended = std::move(it->second);
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

    engram_status match(engram_call* call, uint64_t view, const engram_scope* scope, const engram_str* terms, size_t n,
                        const engram_postings* sink) {
        return onScope(call, view, *scope, [&](Reader& reader) { return reader.match(*scope, terms, n, *sink); });
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
            uint32_t next = 1;
            for (const Space& s : tenant.spaces) {
                next = std::max(next, s.id + 1);
                if (s.name != view(space->name)) continue;
                if (s.dimensions != space->dimensions)
                    return fail(call, ENGRAM_ALREADY_EXISTS, "the space has other dimensions");
                space->id = s.id;
                space->active = s.active ? 1 : 0;
                return engram_status(ENGRAM_OK);
            }
            tenant.writer->statement("INSERT INTO spaces VALUES(?, ?, ?, 0)")
                .bind(1, int64_t(next))
                .bindText(2, view(space->name))
                .bind(3, int64_t(space->dimensions))
                .run();
            std::unique_lock lock(tenant.index_mutex);
            tenant.spaces.push_back({next, space->dimensions, std::string(view(space->name)), false});
            space->id = next;
            space->active = 0;
            return engram_status(ENGRAM_OK);
        });
    }

    engram_status spaceActivate(engram_call* call, uint64_t db, uint32_t space) {
        return onTenant(call, db, [&](Tenant& tenant) {
            std::lock_guard writing(tenant.writer_mutex);
            auto it = std::find_if(tenant.spaces.begin(), tenant.spaces.end(), [&](const Space& s) { return s.id == space; });
            if (it == tenant.spaces.end()) return fail(call, ENGRAM_NOT_FOUND, "no such vector space");
            tenant.writer->statement("UPDATE spaces SET active = 1 WHERE id = ?").bind(1, int64_t(space)).run();
            std::unique_lock lock(tenant.index_mutex);
            it->active = true;
            return engram_status(ENGRAM_OK);
        });
    }

    engram_status spaceDrop(engram_call* call, uint64_t db, uint32_t space) {
        return onTenant(call, db, [&](Tenant& tenant) {
            std::lock_guard writing(tenant.writer_mutex);
            auto it = std::find_if(tenant.spaces.begin(), tenant.spaces.end(), [&](const Space& s) { return s.id == space; });
            if (it == tenant.spaces.end()) return fail(call, ENGRAM_NOT_FOUND, "no such vector space");
            dropVectors(tenant, space);
            std::unique_lock lock(tenant.index_mutex);
            tenant.spaces.erase(it);
            tenant.vectors.erase(space);
            return engram_status(ENGRAM_OK);
        });
    }

    engram_status spaces(engram_call* call, uint64_t db, const engram_spaces* sink) {
        return onTenant(call, db, [&](Tenant& tenant) {
            std::vector<std::pair<Space, uint64_t>> all;
            {
                std::lock_guard writing(tenant.writer_mutex);
                for (const Space& s : tenant.spaces) all.emplace_back(s, 0);
                Statement rows = tenant.writer->statement(
                    "SELECT vectors FROM versions WHERE vectors <> x'' AND deleted = 0 AND lsn_to = 9223372036854775807");
                std::vector<QuantisedVector> vectors;
                while (rows.step()) {
                    vectors.clear();
                    decodeVectors(rows.blob(0), vectors);
                    for (const QuantisedVector& v : vectors)
                        for (auto& [space, covered] : all) covered += space.id == v.space ? 1 : 0;
                }
            }
            for (const auto& [s, covered] : all) {
                engram_space space{};
                space.size = sizeof space;
                space.id = s.id;
                space.dimensions = s.dimensions;
                space.active = s.active ? 1 : 0;
                space.name = borrow(s.name);
                space.covered = covered;
                if (const engram_status status = sink->space(sink->ctx, &space); status != ENGRAM_OK) return status;
            }
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
            auto reader = tenant.takeReader(Clock::now() + kReaderWait);
            if (!reader) return fail(call, ENGRAM_UNAVAILABLE, "all readers are busy");
            struct Return {
                Tenant& tenant;
                std::unique_ptr<Connection>& reader;
                ~Return() { tenant.giveReader(std::move(reader)); }
            } give{tenant, reader};
            return pushChanges(tenant, *reader, after, limit, *sink);
        });
    }

    engram_status hold(engram_call* call, uint64_t db, engram_str name, uint64_t lsn) {
        return onTenant(call, db, [&](Tenant& tenant) {
            std::lock_guard writing(tenant.writer_mutex);
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
        std::lock_guard lock(mutex_);
        struct stat info {};
        if (tenants_.contains(id) || lstat((folder_ + "/" + id).c_str(), &info) == 0)
            return fail(call, ENGRAM_ALREADY_EXISTS, "the tenant is there");
        try {
            return readSnapshot(folder_ + "/" + id, *source);
        } catch (const SqliteError& e) {
            if (e.damaged()) return fail(call, ENGRAM_INVALID_ARGUMENT, "not a snapshot of this plugin");
            return statusOf(call, e);
        }
    }

private:
    struct Open {
        std::shared_ptr<Tenant> tenant;
        uint64_t handle;
        unsigned count;
        Clock::time_point used;
    };

    // The caller holds mutex_.
    Open* find(uint64_t db) {
        auto handle = handles_.find(db);
        if (handle == handles_.end()) return nullptr;
        return &tenants_.find(handle->second)->second;
    }

    // Beyond the cap, tenants that nobody has open are closed, the longest unused first. The caller holds mutex_.
    void closeIdle() {
        while (tenants_.size() > open_tenants_) {
            auto oldest = tenants_.end();
            for (auto it = tenants_.begin(); it != tenants_.end(); ++it)
                if (it->second.count == 0 && it->second.tenant.use_count() == 1 &&
                    (oldest == tenants_.end() || it->second.used < oldest->second.used))
                    oldest = it;
            if (oldest == tenants_.end()) return;
            handles_.erase(oldest->second.handle);
            tenants_.erase(oldest);
        }
    }

    std::shared_ptr<Tenant> tenantOf(uint64_t db) {
        std::lock_guard lock(mutex_);
        Open* open = find(db);
        return open ? open->tenant : nullptr;
    }

    engram_status statusOf(engram_call* call, const SqliteError& e) {
        if (e.damaged()) return fail(call, ENGRAM_DATA_LOSS, e.message);
        if (e.full()) return fail(call, ENGRAM_RESOURCE_EXHAUSTED, e.message);
        return fail(call, ENGRAM_UNAVAILABLE, e.message);
    }

    template <class F>
    engram_status guardedBySqlite(engram_call* call, Tenant* tenant, F&& f) {
        if (tenant && tenant->damaged.load()) return fail(call, ENGRAM_DATA_LOSS, "the tenant's file is damaged");
        try {
            return f();
        } catch (const SqliteError& e) {
            // One damaged file is one tenant's trouble: it stays shut, the others go on.
            if (tenant && e.damaged()) tenant->damaged.store(true);
            host_.error("sqlite failed", {{"reason", e.message}});
            return statusOf(call, e);
        }
    }

    template <class F>
    engram_status onTenant(engram_call* call, uint64_t db, F&& f) {
        auto tenant = tenantOf(db);
        if (!tenant) return fail(call, ENGRAM_NOT_FOUND, "no such handle");
        return guardedBySqlite(call, tenant.get(), [&]() -> engram_status { return f(*tenant); });
    }

    template <class F>
    engram_status onView(engram_call* call, uint64_t view, F&& f) {
        std::shared_ptr<Reader> reader;
        {
            std::lock_guard lock(views_mutex_);
            auto it = views_.find(view);
            if (it != views_.end()) reader = it->second;
        }
        if (!reader) return fail(call, ENGRAM_NOT_FOUND, "no such view");
        return guardedBySqlite(call, reader->tenant(), [&]() -> engram_status { return f(*reader); });
    }

    template <class F>
    engram_status onScope(engram_call* call, uint64_t view, const engram_scope& scope, F&& f) {
        const std::string why = filter::complaint(scope.filter);
        if (!why.empty()) return fail(call, ENGRAM_INVALID_ARGUMENT, why);
        return onView(call, view, f);
    }

    // Rewrites the rows that have a vector of the space. The caller holds the writer's mutex.
    static void dropVectors(Tenant& tenant, uint32_t space) {
        Connection& db = *tenant.writer;
        std::vector<std::pair<uint64_t, std::string>> rewritten;
        {
            Statement rows = db.statement("SELECT rid, vectors FROM versions WHERE vectors <> x''");
            std::vector<QuantisedVector> vectors;
            while (rows.step()) {
                vectors.clear();
                if (!decodeVectors(rows.blob(1), vectors)) throw SqliteError(SQLITE_CORRUPT, "damaged vectors");
                std::string rest;
                for (const QuantisedVector& v : vectors) {
                    if (v.space == space) continue;
                    std::vector<float> values;
                    for (int8_t code : v.codes) values.push_back(static_cast<float>(code) * v.scale);
                    encodeVector(rest, v.space, values.data(), static_cast<uint32_t>(values.size()));
                }
                rewritten.emplace_back(static_cast<uint64_t>(rows.integer(0)), std::move(rest));
            }
        }
        db.execute("BEGIN IMMEDIATE");
        try {
            for (const auto& [rid, blob] : rewritten)
                db.statement("UPDATE versions SET vectors = ? WHERE rid = ?").bindBlob(1, blob).bind(2, rid).run();
            db.statement("DELETE FROM spaces WHERE id = ?").bind(1, int64_t(space)).run();
            db.execute("COMMIT");
        } catch (...) {
            sqlite3_exec(db.handle(), "ROLLBACK", nullptr, nullptr, nullptr);
            throw;
        }
    }

    static void maintainAll(void* self, engram_call* call) {
        auto& plugin = *static_cast<StorageSqlite*>(self);
        std::vector<std::shared_ptr<Tenant>> open;
        {
            std::lock_guard lock(plugin.mutex_);
            for (auto& [id, entry] : plugin.tenants_) open.push_back(entry.tenant);
        }
        for (auto& tenant : open)
            plugin.guardedBySqlite(call, tenant.get(), [&]() -> engram_status {
                tenant->maintain();
                return ENGRAM_OK;
            });
    }

    Host host_;
    Options options_;
    const size_t open_tenants_;
    std::string folder_;
    const engram_host_tasks_v1* tasks_ = nullptr;
    uint64_t task_ = 0;
    std::mutex mutex_;  // of the open tenants
    std::unordered_map<std::string, Open> tenants_;
    std::unordered_map<uint64_t, std::string> handles_;
    uint64_t next_handle_ = 1;
    std::mutex views_mutex_;
    std::unordered_map<uint64_t, std::shared_ptr<Reader>> views_;
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
    "open_tenants": {"type": "integer", "minimum": 1, "maximum": 100000, "default": 200, "description": "Tenants kept open"},
    "readers": {"type": "integer", "minimum": 1, "maximum": 64, "default": 4, "description": "Reading connections a tenant"},
    "max_bytes": {"type": "integer", "minimum": 0, "default": 0, "description": "Largest file of a tenant; 0 = no limit"},
    "fold_rows": {"type": "integer", "minimum": 1, "maximum": 10000000, "default": 50000, "description": "Rows whose words may wait outside of the file's index"},
    "vfs": {"type": "string", "default": "", "description": "SQLite file layer; empty = the system's"}}}
})json", engram::storage)
