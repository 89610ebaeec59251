// The reads of Engine: get, history, list, search, stats.
#include "engine/as_of.hpp"
#include "engine/cursor.hpp"
#include "engine/duplicates.hpp"
#include "engine/engine.hpp"

#include <engram/cpp/text.hpp>

#include <algorithm>

namespace engram::engine {
namespace {

constexpr size_t kReadBudget = 16u << 20;
// A page ends early where its contents are large: a thousand of a megabyte each would be a gigabyte.
constexpr size_t kPageBytes = 4u << 20;
constexpr uint32_t kPageStep = 50;

std::string markOf(const std::string& tenant, const ListQuery& query) {
    Fingerprint mark(tenant);
    mark.add(static_cast<int64_t>(query.order));
    mark.add(static_cast<int64_t>(query.direction));
    for (const std::string& workspace : query.workspaces) mark.add(workspace);
    mark.add(query.filter);
    return mark.bytes();
}

uint32_t abiOrder(Order order) {
    switch (order) {
        case Order::Created: return ENGRAM_ORDER_CREATED;
        case Order::Updated: return ENGRAM_ORDER_UPDATED;
        case Order::Occurred: return ENGRAM_ORDER_OCCURRED;
        case Order::Importance: return ENGRAM_ORDER_IMPORTANCE;
    }
    return ENGRAM_ORDER_CREATED;
}

uint32_t callFlags(const ReadOptions& options) {
    return options.thread == ReadOptions::Thread::Io ? uint32_t(ENGRAM_CALL_INLINE) : 0;
}

}  // namespace

Result<Memory> Engine::get(const std::string& tenant_id, const Uuid& id, const ReadOptions& options) {
    if (options.thread == ReadOptions::Thread::Io) {
        // Opening a tenant takes milliseconds: not on an io thread.
        std::shared_lock lock(mutex_);
        if (!tenants_.contains(tenant_id)) return Error{"again", "the tenant is not open", "", ""};
    }
    auto found = tenant(tenant_id);
    if (!found) return found.error();
    ArenaCall call(callFlags(options), kReadBudget);
    auto view = View::begin(storage_, call, (*found)->db, options.at_least_lsn);
    if (!view) return view.error();
    engram_ref ref{};
    ref.by = ENGRAM_BY_ID;
    ref.id = id.abi();
    MemoryRows rows;
    const engram_rows sink = rows.sink();
    const engram_status status = storage_.table->get(storage_.self, call, view->handle(), &ref, 1,
                                                     ENGRAM_WANT_TEXT | ENGRAM_WANT_METADATA, &sink);
    if (status != ENGRAM_OK) return storageError(status, call);
    if (rows.memories.empty()) return memoryNotFound(id);
    Memory& memory = rows.memories.front();
    if (expired(memory, clock_.now())) return memoryNotFound(id);
    return std::move(memory);
}

Result<std::vector<Memory>> Engine::history(const std::string& tenant_id, const Uuid& id, const ReadOptions& options) {
    auto found = tenant(tenant_id);
    if (!found) return found.error();
    return versions(**found, id, options);
}

Result<Page> Engine::list(const std::string& tenant_id, const ListQuery& query, const ReadOptions& options) {
    auto found = tenant(tenant_id);
    if (!found) return found.error();
    const std::string mark = markOf(tenant_id, query);
    auto cursor = query.cursor.empty() ? Result<std::string>(std::string()) : openCursor(query.cursor, mark);
    if (!cursor) return cursor.error();
    Filter filter = query.filter;
    filter.require(notExpired(clock_.now()));
    const LoweredFilter lowered(filter);
    std::vector<engram_str> workspaces;
    for (const std::string& workspace : query.workspaces) workspaces.push_back(borrow(workspace));

    ArenaCall call(0, kReadBudget);
    auto view = View::begin(storage_, call, (*found)->db, options.at_least_lsn);
    if (!view) return view.error();
    engram_list_query abi{};
    abi.size = sizeof abi;
    abi.order = abiOrder(query.order);
    abi.descending = query.direction == Direction::Descending ? 1 : 0;
    abi.want = ENGRAM_WANT_TEXT | ENGRAM_WANT_METADATA;
    abi.scope = {sizeof(engram_scope), ENGRAM_KIND_MEMORY, workspaces.data(), workspaces.size(), lowered.abi()};
    abi.cursor = borrow(*cursor);
    MemoryRows rows;
    const engram_rows sink = rows.sink();
    engram_str next = abi.cursor;
    size_t bytes = 0, counted = 0;
    do {
        abi.limit = std::min<uint32_t>(query.limit - static_cast<uint32_t>(counted), kPageStep);
        abi.cursor = next;
        const engram_status status = storage_.table->list(storage_.self, call, view->handle(), &abi, &sink, &next);
        if (status == ENGRAM_INVALID_ARGUMENT && !cursor->empty())
            return Error{"invalid_cursor", "the cursor is damaged", "", "/cursor"};
        if (status != ENGRAM_OK) return storageError(status, call);
        for (; counted < rows.memories.size(); ++counted) bytes += rows.memories[counted].content.size();
    } while (next.len > 0 && counted < query.limit && bytes < kPageBytes);
    Page page;
    page.memories = std::move(rows.memories);
    if (next.len > 0) page.next_cursor = sealCursor(mark, engram::view(next));
    return page;
}

Result<DuplicatesPage> Engine::duplicates(const std::string& tenant_id, const DuplicatesQuery& query,
                                          const ReadOptions& options) {
    constexpr uint32_t kMemories = 100;
    constexpr size_t kAlike = 20;
    Page page;
    if (query.id) {
        auto memory = get(tenant_id, *query.id, options);
        if (!memory) return memory.error();
        page.memories.push_back(std::move(*memory));
    } else {
        ListQuery all;
        all.workspaces = {query.workspace};
        all.direction = Direction::Ascending;
        all.limit = kMemories;
        all.cursor = query.cursor;
        auto listed = list(tenant_id, all, options);
        if (!listed) return listed.error();
        page = std::move(*listed);
    }
    auto found = tenant(tenant_id);
    if (!found) return found.error();
    ArenaCall call(0, kReadBudget);
    auto view = View::begin(storage_, call, (*found)->db, options.at_least_lsn);
    if (!view) return view.error();
    DuplicatesPage out;
    out.next_cursor = std::move(page.next_cursor);
    for (const Memory& memory : page.memories) {
        auto alike = findAlike(storage_, *view, call, memory, query.threshold, kAlike, clock_.now());
        if (!alike) return alike.error();
        for (Alike& other : *alike) {
            const bool newer = std::pair(memory.created_at, memory.id) < std::pair(other.memory.created_at, other.memory.id);
            if (!query.id && !newer) continue;  // the pair is told with the other one
            out.pairs.push_back({memory, std::move(other.memory), other.score, other.kind == Alike::Kind::Same});
        }
    }
    return out;
}

Result<SearchAnswer> Engine::search(const std::string& tenant_id, const SearchQuery& query, const QueryVector& vector,
                                    const ReadOptions& options) {
    auto found = tenant(tenant_id);
    if (!found) return found.error();
    const std::string mark = searchMark(tenant_id, query);
    auto page = readSearchCursor(query.cursor, mark);
    if (!page) return page.error();
    ArenaCall call(0, kReadBudget);
    const uint64_t db = (*found)->db;
    uint64_t at = query.as_of_lsn.value_or(ENGRAM_LSN_MAX);
    int64_t now = query.as_of_time.value_or(clock_.now());
    if (*page) {
        if ((*page)->space != 0 && (*page)->space != vector.space)
            return Error{"invalid_cursor", "the vectors that the first page was found by cannot be had", "search again", "/cursor"};
        at = (*page)->lsn;
        now = (*page)->now;
    } else if (query.as_of_time) {
        auto lsn = lsnAt(storage_, call, db, *query.as_of_time);
        if (!lsn) return lsn.error();
        at = *lsn;
    } else if (query.as_of_lsn) {
        auto time = timeOf(storage_, call, db, at);
        if (!time) return time.error();
        now = time->value_or(now);
    }
    auto view = View::begin(storage_, call, db, options.at_least_lsn, at);
    if (!view) return view.error();
    const uint64_t first = *page ? (*page)->first : 0;
    // A first page that was found without vectors is followed by others of the kind.
    const QueryVector none;
    const QueryVector& used = *page && (*page)->space == 0 ? none : vector;
    auto answer = runSearch(storage_, *view, call, used, options_.search, query, now, first);
    if (answer) answer->page = {mark, view->lsn(), now, first, answer->page.all, used.space};
    return answer;
}

Result<void> Engine::check(const std::string& tenant_id) {
    if (!ENGRAM_HAS(engram_storage_v1, storage_.table, check) || !storage_.table->check)
        return Error{"not_implemented", "the storage plugin cannot check its stores", "", ""};
    // A handle of its own, so that a tenant that nobody uses is closed again, and none is made.
    ArenaCall call;
    call.setTenant(tenant_id);
    uint64_t db = 0;
    const engram_status opened = storage_.table->open(storage_.self, call, borrow(tenant_id), 0, &db);
    if (opened == ENGRAM_NOT_FOUND) return {};
    if (opened != ENGRAM_OK) return storageError(opened, call);
    const engram_status status = storage_.table->check(storage_.self, call, db);
    ArenaCall closing;
    storage_.table->close(storage_.self, closing, db);
    if (status != ENGRAM_OK) return storageError(status, call);
    return {};
}

Result<TenantStats> Engine::stats(const std::string& tenant_id, const ReadOptions&) {
    auto found = tenant(tenant_id);
    if (!found) return found.error();
    ArenaCall call(0, kReadBudget);
    engram_storage_stats abi{};
    abi.size = sizeof abi;
    const engram_status status = storage_.table->stats(storage_.self, call, (*found)->db, &abi);
    if (status != ENGRAM_OK) return storageError(status, call);
    TenantStats stats;
    stats.lsn = abi.lsn;
    stats.bytes_on_disk = abi.bytes_on_disk;
    stats.index_lag = abi.index_lag;
    constexpr std::string_view kWorkspace = "workspace.";
    const std::string memories = "records." + std::to_string(ENGRAM_KIND_MEMORY);
    const std::string identities = "records." + std::to_string(ENGRAM_KIND_IDENTITY);
    const std::string sessions = "records." + std::to_string(ENGRAM_KIND_SESSION);
    for (size_t i = 0; i < abi.n_counters; ++i) {
        const std::string_view name = engram::view(abi.counters[i].name);
        if (name == memories) stats.memories = abi.counters[i].value;
        if (name == identities) stats.identities = abi.counters[i].value;
        if (name == sessions) stats.sessions = abi.counters[i].value;
        if (name == "bytes") stats.content_bytes = abi.counters[i].value;
        if (name.starts_with(kWorkspace))
            stats.workspaces[std::string(name.substr(kWorkspace.size()))] = abi.counters[i].value;
    }
    return stats;
}

}  // namespace engram::engine
