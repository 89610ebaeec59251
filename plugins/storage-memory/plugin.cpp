// storage-memory: the oracle of engram.storage/1. Plain, slow, obviously right; keeps nothing over a restart.
#include <algorithm>
#include <chrono>
#include <engram/cpp/edit_distance.hpp>
#include <engram/cpp/storage.hpp>
#include <memory>
#include <set>
#include <unordered_map>

#include "database.hpp"
#include "filter.hpp"
#include "reads.hpp"
#include "stream.hpp"

namespace engram::storage_memory {
namespace {

constexpr uint32_t kMaxList = 10000;

struct ViewState {
    std::shared_ptr<Database> database;
    uint64_t lsn;
};

class StorageMemory {
public:
    StorageMemory(Host, Config) {}

    engram_status open(engram_call* call, engram_str tenant, uint32_t flags, uint64_t* db) {
        std::lock_guard lock(mutex_);
        const std::string name(view(tenant));
        if (name.empty() || name.size() > 64) return fail(call, ENGRAM_INVALID_ARGUMENT, "not a tenant id");
        auto& database = tenants_[name];
        if (!database) {
            if (!(flags & ENGRAM_OPEN_CREATE)) {
                tenants_.erase(name);
                return fail(call, ENGRAM_NOT_FOUND, "no such tenant");
            }
            database = std::make_shared<Database>();
        }
        ++database->opened;
        for (const auto& [handle, open] : handles_)
            if (open == database) {
                *db = handle;
                return ENGRAM_OK;
            }
        *db = next_handle_++;
        handles_[*db] = database;
        return ENGRAM_OK;
    }

    engram_status close(engram_call* call, uint64_t db) {
        std::lock_guard lock(mutex_);
        auto it = handles_.find(db);
        if (it == handles_.end()) return fail(call, ENGRAM_NOT_FOUND, "no such handle");
        if (--it->second->opened == 0) handles_.erase(it);
        return ENGRAM_OK;
    }

    engram_status stats(engram_call* call, uint64_t db, engram_storage_stats* out) {
        auto database = find(db);
        if (!database) return fail(call, ENGRAM_NOT_FOUND, "no such handle");
        std::lock_guard lock(database->mutex);
        out->lsn = database->lsn;
        out->trimmed_lsn = 0;
        out->bytes_on_disk = 0;
        out->index_lag = 0;
        auto* counters = allocateArray<engram_counter_value>(call, database->counters.size());
        size_t n = 0;
        for (const auto& [name, value] : database->counters) counters[n++] = {keep(call, name), value};
        out->counters = counters;
        out->n_counters = n;
        return ENGRAM_OK;
    }

    engram_status erase(engram_call* call, engram_str tenant) {
        std::lock_guard lock(mutex_);
        auto it = tenants_.find(std::string(view(tenant)));
        if (it == tenants_.end()) return fail(call, ENGRAM_NOT_FOUND, "no such tenant");
        if (it->second->opened > 0) return fail(call, ENGRAM_FAILED_PRECONDITION, "the tenant is open");
        tenants_.erase(it);
        return ENGRAM_OK;
    }

    engram_status apply(engram_call* call, uint64_t db, const engram_batch* batches, size_t n,
                        engram_apply_result* results) {
        auto database = find(db);
        if (!database) return fail(call, ENGRAM_NOT_FOUND, "no such handle");
        {
            std::lock_guard lock(database->mutex);
            for (size_t i = 0; i < n; ++i) {
                const Applied applied = database->apply(batches[i]);
                engram_apply_result& out = results[i];
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
        }
        database->changed.notify_all();
        return ENGRAM_OK;
    }

    engram_status begin(engram_call* call, uint64_t db, uint64_t at_lsn, uint64_t min_lsn, uint64_t* view,
                        uint64_t* lsn) {
        auto database = find(db);
        if (!database) return fail(call, ENGRAM_NOT_FOUND, "no such handle");
        uint64_t newest = 0;
        {
            std::lock_guard lock(database->mutex);
            newest = database->lsn;
        }
        const uint64_t at = at_lsn == ENGRAM_LSN_MAX ? newest : at_lsn;
        if (at > newest || min_lsn > newest)
            return fail(call, ENGRAM_OUT_OF_RANGE, "the LSN is not reached yet");
        std::lock_guard lock(mutex_);
        *view = next_view_++;
        *lsn = at;
        views_[*view] = {database, at};
        return ENGRAM_OK;
    }

    void end(uint64_t view) noexcept {
        std::lock_guard lock(mutex_);
        views_.erase(view);
    }

    engram_status get(engram_call* call, uint64_t view, const engram_ref* refs, size_t n, uint32_t want,
                      const engram_rows* rows) {
        return onView(call, view, [&](const Database& d, uint64_t at) {
            for (size_t i = 0; i < n; ++i) {
                const Version* version = lookUp(d, refs[i], at);
                if (!version || (version->deleted && !(want & ENGRAM_WANT_DELETED))) continue;
                if (const engram_status status = lend(*version, want, *rows, i); status != ENGRAM_OK)
                    return status;
            }
            return engram_status(ENGRAM_OK);
        });
    }

    engram_status list(engram_call* call, uint64_t view, const engram_list_query* query,
                       const engram_rows* rows, engram_str* next) {
        if (query->order < ENGRAM_ORDER_CREATED || query->order > ENGRAM_ORDER_IMPORTANCE ||
            query->limit == 0 || query->limit > kMaxList)
            return fail(call, ENGRAM_INVALID_ARGUMENT, "unknown order, or a limit that is not 1 to 10000");
        if (const engram_status status = checkScope(call, query->scope); status != ENGRAM_OK) return status;
        return onView(call, view, [&](const Database& d, uint64_t at) {
            const Listed listed = storage_memory::list(d, *query, at);
            if (listed.bad_cursor) return fail(call, ENGRAM_INVALID_ARGUMENT, "not a cursor of this query");
            for (size_t i = 0; i < listed.rows.size(); ++i)
                if (const engram_status status = lend(*listed.rows[i], query->want, *rows, i);
                    status != ENGRAM_OK)
                    return status;
            *next = keep(call, listed.next);
            return engram_status(ENGRAM_OK);
        });
    }

    engram_status history(engram_call* call, uint64_t view, const engram_uuid* id, uint32_t want,
                          const engram_rows* rows) {
        return onView(call, view, [&](const Database& d, uint64_t at) {
            auto it = d.records.find(idOf(*id));
            if (it == d.records.end()) return engram_status(ENGRAM_OK);
            size_t index = 0;
            for (const Version& version : it->second) {
                if (version.lsn_from > at) break;
                if (const engram_status status = lend(version, want, *rows, index++); status != ENGRAM_OK)
                    return status;
            }
            return engram_status(ENGRAM_OK);
        });
    }

    engram_status edges(engram_call* call, uint64_t view, const engram_uuid* id, uint32_t incoming,
                        const engram_edges* sink) {
        return onView(call, view, [&](const Database& d, uint64_t at) {
            const Id end = idOf(*id);
            std::vector<const Edge*> found;
            for (const Edge& edge : d.edges)
                if ((incoming ? edge.to : edge.from) == end && !edge.deleted && edge.lsn_from <= at &&
                    at < edge.lsn_to)
                    found.push_back(&edge);
            std::sort(found.begin(), found.end(), [&](const Edge* a, const Edge* b) {
                if (a->type != b->type) return a->type < b->type;
                return incoming ? a->from < b->from : a->to < b->to;
            });
            for (const Edge* edge : found) {
                const engram_edge abi = abiEdge(*edge);
                if (const engram_status status = sink->edge(sink->ctx, &abi); status != ENGRAM_OK)
                    return status;
            }
            return engram_status(ENGRAM_OK);
        });
    }

    engram_status terms(engram_call* call, uint64_t view, const engram_scope* scope, const engram_str* terms,
                        size_t n, uint64_t* df, engram_term_stats* out) {
        return onView(call, view, [&](const Database& d, uint64_t at) {
            *out = termStats(d, *scope, at, owned(terms, n), df);
            return engram_status(ENGRAM_OK);
        });
    }

    engram_status expand(engram_call* call, uint64_t view, const engram_scope* scope, engram_str prefix,
                         uint32_t limit, void* ctx, engram_status (*term)(void*, engram_str, uint64_t)) {
        return onView(call, view, [&](const Database& d, uint64_t at) {
            engram_scope unfiltered = *scope;
            unfiltered.filter = {};
            std::map<std::string, uint64_t> df;
            for (const Version* version : d.visible(unfiltered, at))
                for (const auto& [text, tf] : version->terms)
                    if (text.starts_with(engram::view(prefix))) ++df[text];
            std::vector<std::pair<std::string, uint64_t>> ranked(df.begin(), df.end());
            std::stable_sort(ranked.begin(), ranked.end(),
                             [](const auto& a, const auto& b) { return a.second > b.second; });
            for (size_t i = 0; i < ranked.size() && i < limit; ++i)
                if (const engram_status status = term(ctx, borrow(ranked[i].first), ranked[i].second);
                    status != ENGRAM_OK)
                    return status;
            return engram_status(ENGRAM_OK);
        });
    }

    engram_status similarTerms(engram_call* call, uint64_t view, const engram_scope* scope, engram_str term,
                               uint32_t most, uint32_t limit, const engram_similar_terms* sink) {
        if (!EditDistance::isQuestion(engram::view(term), most, limit))
            return fail(call, ENGRAM_INVALID_ARGUMENT, "a distance that is not 1 or 2, a limit that is not 1 to 100, or no term");
        return onView(call, view, [&](const Database& d, uint64_t at) {
            for (const SimilarTerm& found : storage_memory::similarTerms(d, *scope, at, engram::view(term), most, limit))
                if (const engram_status status = sink->term(sink->ctx, borrow(found.text), found.distance, found.df);
                    status != ENGRAM_OK)
                    return status;
            return engram_status(ENGRAM_OK);
        });
    }

    engram_status companions(engram_call* call, uint64_t view, const engram_scope* scope, const uint64_t* rids, size_t n,
                             uint64_t most, const engram_groups* sink) {
        if (const engram_status status = checkScope(call, *scope); status != ENGRAM_OK) return status;
        return onView(call, view, [&](const Database& d, uint64_t at) {
            for (const Group& group : storage_memory::companions(d, *scope, at, rids, n, most))
                if (const engram_status status = sink->group(sink->ctx, group.index, group.members.data(), group.members.size());
                    status != ENGRAM_OK)
                    return status;
            return engram_status(ENGRAM_OK);
        });
    }

    engram_status match(engram_call* call, uint64_t view, const engram_scope* scope, const engram_str* terms,
                        size_t n, const engram_postings* sink) {
        if (const engram_status status = checkScope(call, *scope); status != ENGRAM_OK) return status;
        return onView(call, view, [&](const Database& d, uint64_t at) {
            const std::vector<std::string> wanted = owned(terms, n);
            for (const Version* version : d.visible(*scope, at)) {
                std::vector<uint32_t> tf(n, 0);
                bool any = false;
                for (size_t i = 0; i < n; ++i)
                    if (auto it = version->terms.find(wanted[i]); it != version->terms.end()) {
                        tf[i] = it->second;
                        any = true;
                    }
                if (!any) continue;
                const engram_posting posting = {version->rid, tf.data(), version->length, 0};
                if (const engram_status status = sink->push(sink->ctx, &posting, 1); status != ENGRAM_OK)
                    return status;
            }
            return engram_status(ENGRAM_OK);
        });
    }

    engram_status nearest(engram_call* call, uint64_t view, const engram_scope* scope, uint32_t space,
                          const float* vector, uint32_t k, engram_neighbour* out, size_t* n_out) {
        if (const engram_status status = checkScope(call, *scope); status != ENGRAM_OK) return status;
        return onView(call, view, [&](const Database& d, uint64_t at) {
            auto known =
                std::find_if(d.spaces.begin(), d.spaces.end(), [&](const Space& s) { return s.id == space; });
            if (known == d.spaces.end()) return fail(call, ENGRAM_NOT_FOUND, "no such vector space");
            if (!allFinite(vector, known->dimensions))
                return fail(call, ENGRAM_INVALID_ARGUMENT, "a vector with a number that is not finite");
            const auto found = storage_memory::nearest(d, *scope, at, space, vector, k);
            std::copy(found.begin(), found.end(), out);
            *n_out = found.size();
            return engram_status(ENGRAM_OK);
        });
    }

    engram_status spaceCreate(engram_call* call, uint64_t db, engram_space* space) {
        if (space->name.len == 0 || space->dimensions == 0 || space->dimensions > 65536)
            return fail(call, ENGRAM_INVALID_ARGUMENT, "a space has a name and 1 to 65536 dimensions");
        return onDatabase(call, db, [&](Database& d) {
            uint32_t next = 1;
            for (const Space& s : d.spaces) {
                next = std::max(next, s.id + 1);
                if (s.name != view(space->name)) continue;
                if (s.dimensions != space->dimensions)
                    return fail(call, ENGRAM_ALREADY_EXISTS, "the space has other dimensions");
                space->id = s.id;
                space->active = s.active;
                return engram_status(ENGRAM_OK);
            }
            d.spaces.push_back({next, space->dimensions, std::string(view(space->name)), ENGRAM_SPACE_IDLE});
            space->id = next;
            space->active = 0;
            return engram_status(ENGRAM_OK);
        });
    }

    engram_status spaceActivate(engram_call* call, uint64_t db, uint32_t space) {
        return onDatabase(call, db, [&](Database& d) {
            if (std::none_of(d.spaces.begin(), d.spaces.end(), [&](const Space& s) { return s.id == space; }))
                return fail(call, ENGRAM_NOT_FOUND, "no such vector space");
            for (Space& s : d.spaces) {
                if (s.id == space) s.active = ENGRAM_SPACE_ACTIVE;
                else if (s.active == ENGRAM_SPACE_ACTIVE) s.active = ENGRAM_SPACE_IDLE;
            }
            return engram_status(ENGRAM_OK);
        });
    }

    engram_status spaceDrop(engram_call* call, uint64_t db, uint32_t space) {
        return onDatabase(call, db, [&](Database& d) {
            if (std::erase_if(d.spaces, [&](const Space& s) { return s.id == space; }) == 0)
                return fail(call, ENGRAM_NOT_FOUND, "no such vector space");
            for (auto& [id, versions] : d.records)
                for (Version& version : versions) version.vectors.erase(space);
            for (Change& change : d.log) change.version.vectors.erase(space);
            return engram_status(ENGRAM_OK);
        });
    }

    engram_status spaces(engram_call* call, uint64_t db, const engram_spaces* sink) {
        return onDatabase(call, db, [&](Database& d) {
            for (const Space& s : d.spaces) {
                engram_space space{};
                space.size = sizeof space;
                space.id = s.id;
                space.dimensions = s.dimensions;
                space.active = s.active;
                space.name = borrow(s.name);
                for (const auto& [id, versions] : d.records)
                    if (!versions.back().deleted && versions.back().vectors.contains(s.id)) ++space.covered;
                if (const engram_status status = sink->space(sink->ctx, &space); status != ENGRAM_OK)
                    return status;
            }
            return engram_status(ENGRAM_OK);
        });
    }

    engram_status unfilled(engram_call* call, uint64_t view, uint32_t space, uint32_t kind, uint64_t after, uint32_t limit,
                           uint32_t want, const engram_rows* rows) {
        if (limit == 0 || limit > kMaxList) return fail(call, ENGRAM_INVALID_ARGUMENT, "a limit that is not 1 to 10000");
        return onView(call, view, [&](const Database& d, uint64_t at) {
            if (!findSpace(d, space)) return fail(call, ENGRAM_NOT_FOUND, "no such vector space");
            size_t n = 0;
            for (const Version* version : d.visible({sizeof(engram_scope), kind, nullptr, 0, {}}, at)) {
                if (version->deleted || version->rid <= after || version->vectors.contains(space)) continue;
                if (n == limit) break;
                if (const engram_status status = lend(*version, want, *rows, n++); status != ENGRAM_OK) return status;
            }
            return engram_status(ENGRAM_OK);
        });
    }

    engram_status fill(engram_call* call, uint64_t db, uint32_t space, const engram_fill* fills, size_t n,
                       uint64_t* filled) {
        return onDatabase(call, db, [&](Database& d) {
            const Space* known = findSpace(d, space);
            if (!known) return fail(call, ENGRAM_NOT_FOUND, "no such vector space");
            for (size_t i = 0; i < n; ++i)
                if (!allFinite(fills[i].values, known->dimensions))
                    return fail(call, ENGRAM_INVALID_ARGUMENT, "a vector with a number that is not finite");
            *filled = 0;
            for (size_t i = 0; i < n; ++i)
                if (d.fill(fills[i].rid, space, {fills[i].values, fills[i].values + known->dimensions})) ++*filled;
            return engram_status(ENGRAM_OK);
        });
    }

    engram_status spacePrepare(engram_call* call, uint64_t db, uint32_t space) {
        return onDatabase(call, db, [&](Database& d) {
            const Space* known = findSpace(d, space);
            if (space != 0 && !known) return fail(call, ENGRAM_NOT_FOUND, "no such vector space");
            if (known && known->active == ENGRAM_SPACE_ACTIVE)
                return fail(call, ENGRAM_FAILED_PRECONDITION, "the space is active");
            for (Space& s : d.spaces) {
                if (s.id == space) s.active = ENGRAM_SPACE_NEXT;
                else if (s.active == ENGRAM_SPACE_NEXT) s.active = ENGRAM_SPACE_IDLE;
            }
            return engram_status(ENGRAM_OK);
        });
    }

    engram_status changes(engram_call* call, uint64_t db, uint64_t after, uint32_t limit, uint32_t wait_ms,
                          const engram_changes* sink) {
        auto database = find(db);
        if (!database) return fail(call, ENGRAM_NOT_FOUND, "no such handle");
        std::unique_lock lock(database->mutex);
        if (wait_ms > 0)
            database->changed.wait_for(lock, std::chrono::milliseconds(wait_ms),
                                       [&] { return database->lsn > after; });
        uint32_t n = 0;
        for (const Change& change : database->log) {
            if (change.lsn <= after) continue;
            if (n++ == limit) break;
            engram_status status = ENGRAM_OK;
            if (change.kind == ENGRAM_CHANGE_PUT_EDGE || change.kind == ENGRAM_CHANGE_DELETE_EDGE) {
                const engram_edge edge = abiEdge(change.edge);
                const engram_change abi = {sizeof abi, change.kind, change.lsn, nullptr, &edge};
                status = sink->change(sink->ctx, &abi);
            } else {
                status = lendChange(change.kind, change.lsn, change.version, *sink);
            }
            if (status != ENGRAM_OK) return status;
        }
        return ENGRAM_OK;
    }

    engram_status hold(engram_call* call, uint64_t db, engram_str name, uint64_t lsn) {
        return onDatabase(call, db, [&](Database& d) {
            if (lsn == ENGRAM_LSN_MAX)
                d.holds.erase(std::string(view(name)));
            else
                d.holds[std::string(view(name))] = lsn;
            return engram_status(ENGRAM_OK);
        });
    }

    engram_status snapshot(engram_call* call, uint64_t db, const engram_sink* sink, uint64_t* lsn) {
        std::string bytes;
        const engram_status status = onDatabase(call, db, [&](Database& d) {
            bytes = serialise(d);
            *lsn = d.lsn;
            return engram_status(ENGRAM_OK);
        });
        return status == ENGRAM_OK ? sink->write(sink->ctx, borrowBytes(bytes)) : status;
    }

    engram_status restore(engram_call* call, engram_str tenant, const engram_source* source) {
        std::string bytes;
        char buffer[4096];
        for (size_t n = 1; n > 0;) {
            if (const engram_status status = source->read(source->ctx, buffer, sizeof buffer, &n);
                status != ENGRAM_OK)
                return status;
            bytes.append(buffer, n);
        }
        auto database = std::make_shared<Database>();
        if (!deserialise(bytes, *database))
            return fail(call, ENGRAM_INVALID_ARGUMENT, "not a snapshot of this plugin");
        std::lock_guard lock(mutex_);
        if (!tenants_.emplace(std::string(view(tenant)), database).second)
            return fail(call, ENGRAM_ALREADY_EXISTS, "the tenant is there");
        return ENGRAM_OK;
    }

private:
    std::shared_ptr<Database> find(uint64_t db) {
        std::lock_guard lock(mutex_);
        auto it = handles_.find(db);
        return it == handles_.end() ? nullptr : it->second;
    }

    template <class F>
    engram_status onDatabase(engram_call* call, uint64_t db, F&& f) {
        auto database = find(db);
        if (!database) return fail(call, ENGRAM_NOT_FOUND, "no such handle");
        std::lock_guard lock(database->mutex);
        return f(*database);
    }

    template <class F>
    engram_status onView(engram_call* call, uint64_t view, F&& f) {
        ViewState state;
        {
            std::lock_guard lock(mutex_);
            auto it = views_.find(view);
            if (it == views_.end()) return fail(call, ENGRAM_NOT_FOUND, "no such view");
            state = it->second;
        }
        std::lock_guard lock(state.database->mutex);
        return f(*state.database, state.lsn);
    }

    static const Space* findSpace(const Database& d, uint32_t id) {
        auto it = std::find_if(d.spaces.begin(), d.spaces.end(), [&](const Space& s) { return s.id == id; });
        return it == d.spaces.end() ? nullptr : &*it;
    }

    static engram_status checkScope(engram_call* call, const engram_scope& scope) {
        const std::string why = filter::complaint(scope.filter);
        return why.empty() ? ENGRAM_OK : fail(call, ENGRAM_INVALID_ARGUMENT, why);
    }

    static std::vector<std::string> owned(const engram_str* terms, size_t n) {
        std::vector<std::string> out;
        for (size_t i = 0; i < n; ++i) out.emplace_back(view(terms[i]));
        return out;
    }

    static const Version* lookUp(const Database& d, const engram_ref& ref, uint64_t at) {
        if (ref.by == ENGRAM_BY_ID) return d.find(idOf(ref.id), at);
        for (const auto& [id, versions] : d.records)
            for (const Version& version : versions) {
                if (!version.visibleAt(at)) continue;
                if (ref.by == ENGRAM_BY_RID && version.rid == ref.rid) return &version;
                if (ref.by == ENGRAM_BY_NAME && !version.deleted && version.kind == ref.kind &&
                    ref.name.len > 0 && version.workspace == view(ref.workspace) &&
                    version.name == view(ref.name))
                    return &version;
            }
        return nullptr;
    }

    std::mutex mutex_;  // of the maps below; a database has its own
    std::unordered_map<std::string, std::shared_ptr<Database>> tenants_;
    std::unordered_map<uint64_t, std::shared_ptr<Database>> handles_;
    std::unordered_map<uint64_t, ViewState> views_;
    uint64_t next_handle_ = 1, next_view_ = 1;
};

}  // namespace
}  // namespace engram::storage_memory

ENGRAM_PLUGIN(engram::storage_memory::StorageMemory, R"json({
  "id": "storage-memory", "version": "0.1.0", "kind": "storage", "provides": ["engram.storage/1"],
  "services": [], "status": "stable", "license": "MIT",
  "description": "Memories in memory: the oracle other storage plugins are compared with; nothing survives a restart"
})json",
              engram::storage)
