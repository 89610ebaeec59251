#include "apply_plan.hpp"

#include "codec.hpp"
#include "parameters.hpp"

#include <engram/cpp/batch_check.hpp>
#include <engram/cpp/text.hpp>

#include <algorithm>

namespace engram::storage_postgres {
namespace {

constexpr int64_t kKeyLife = 24LL * 3600 * 1000;

bool refuse(Applied& applied, uint32_t outcome, uint64_t version = 0) {
    applied.outcome = outcome;
    applied.current_version = version;
    return false;
}

std::string idOf(const engram_uuid& id) { return std::string(binary::uuid(id)); }

std::string complaintOfTexts(const engram_op& op) {
    if (op.kind == ENGRAM_OP_PUT)
        for (engram_str s : {op.record->workspace, op.record->name, op.record->type, op.record->text, op.record->metadata})
            if (!isText(view(s))) return "a text that is not UTF-8";
    if (op.kind >= ENGRAM_OP_PUT_EDGE && (!isText(view(op.edge->type)) || !isText(view(op.edge->metadata))))
        return "a text that is not UTF-8";
    return "";
}

uint64_t givenLsn(const engram_op& op) {
    return op.kind >= ENGRAM_OP_PUT_EDGE ? op.edge->lsn_from : op.record->lsn_from;
}

Name nameOf(const std::string& workspace, uint32_t kind, const std::string& name) { return {workspace, kind, name}; }

}  // namespace

std::string ApplyPlan::complaint(const engram_batch& batch, const std::map<uint32_t, uint32_t>& dimensions) {
    std::string why = batch_check::complaint(batch, [&](uint32_t space) {
        auto it = dimensions.find(space);
        return it == dimensions.end() ? 0u : it->second;
    });
    if (!why.empty()) return why;
    for (size_t i = 0; i < batch.n_ops; ++i) {
        if (why = complaintOfTexts(batch.ops[i]); !why.empty()) return why;
        constexpr uint64_t kMost = uint64_t(INT64_MAX) - batch_check::kMaxOps;
        if ((batch.flags & ENGRAM_BATCH_REPLAY) && givenLsn(batch.ops[i]) > kMost) return "an LSN is below 2^63";
    }
    return "";
}

template <class T>
void ApplyPlan::set(T& place, T value) {
    undo_.push_back([&place, before = place] { place = before; });
    place = std::move(value);
}

template <class Map>
void ApplyPlan::set(Map& map, const typename Map::key_type& key, std::optional<typename Map::mapped_type> value) {
    auto it = map.find(key);
    std::optional<typename Map::mapped_type> before;
    if (it != map.end()) before = it->second;
    undo_.push_back([&map, key, before = std::move(before)] {
        if (before) map[key] = *before;
        else map.erase(key);
    });
    if (value) map[key] = std::move(*value);
    else if (it != map.end()) map.erase(it);
}

void ApplyPlan::takeBack() {
    for (; !undo_.empty(); undo_.pop_back()) undo_.back()();
}

bool ApplyPlan::seen(const engram_batch& batch, Applied& applied) const {
    const std::string key(view(batch.idempotency_key));
    const auto fresh = new_keys.find(key);
    const auto stored = state_.keys.find(key);
    const KnownKey* known = fresh != new_keys.end() ? &fresh->second : stored != state_.keys.end() ? &stored->second : nullptr;
    if (!known || known->expires <= batch.now) return false;
    const bool same = known->hash == view(batch.request_hash);
    applied.outcome = same ? ENGRAM_APPLY_REPLAYED : ENGRAM_APPLY_KEY_REUSED;
    applied.lsn = known->lsn;
    if (same) applied.answer = known->answer;
    return true;
}

Applied ApplyPlan::add(const engram_batch& batch) {
    Applied applied;
    applied.message = complaint(batch, state_.dimensions);
    if (!applied.message.empty()) {
        applied.outcome = ENGRAM_APPLY_REFUSED;
        return applied;
    }
    if (batch.idempotency_key.len > 0 && seen(batch, applied)) return applied;
    std::vector<int64_t> before;
    for (size_t i = 0; i < batch.n_limits; ++i) before.push_back(counter(std::string(view(batch.limits[i].counter))));
    const size_t n_rows = rows.size(), n_edges = edges.size(), n_closed = closed_rows.size(), n_ended = closed_edges.size();
    const uint64_t lsn_before = state_.lsn;
    undo_.clear();
    bool good = true;
    for (size_t i = 0; good && i < batch.n_ops; ++i) {
        good = addOp(batch.ops[i], batch.flags & ENGRAM_BATCH_REPLAY, applied);
        if (!good) applied.failed_op = static_cast<uint32_t>(i);
        if (good && i == 0) applied.first_lsn = state_.lsn;
    }
    if (!good || !withinLimits(batch, before, applied)) {
        takeBack();
        rows.resize(n_rows);
        edges.resize(n_edges);
        closed_rows.resize(n_closed);
        closed_edges.resize(n_ended);
        state_.lsn = lsn_before;
        return applied;
    }
    applied.lsn = state_.lsn;
    if (batch.idempotency_key.len > 0) {
        new_keys[std::string(view(batch.idempotency_key))] = {std::string(view(batch.request_hash)),
                                                              std::string(view(batch.answer)), applied.first_lsn,
                                                              applied.lsn, batch.now + kKeyLife};
        keys_expire_before = std::max(keys_expire_before, batch.now);
    }
    changes_ = true;
    return applied;
}

bool ApplyPlan::addOp(const engram_op& op, uint32_t replay, Applied& applied) {
    switch (op.kind) {
        case ENGRAM_OP_PUT: return put(op, replay, applied);
        case ENGRAM_OP_DELETE: return remove(op, replay, applied);
        case ENGRAM_OP_PURGE: return purge(op, replay, applied);
        default: return writeEdge(op, replay, applied);
    }
}

uint64_t ApplyPlan::nextLsn(uint32_t replay, uint64_t given) const {
    return replay ? std::max(state_.lsn + 1, given) : state_.lsn + 1;
}

// Ends the newest version at the LSN of the op, and its name and counts with it.
void ApplyPlan::close(const std::string& id, const Newest& last) {
    if (last.pending == kStored) closed_rows.emplace_back(last.rid, state_.lsn);
    else {
        const size_t at = last.pending;
        undo_.push_back([this, at, before = rows[at].lsn_to] { rows[at].lsn_to = before; });
        rows[at].lsn_to = state_.lsn;
    }
    if (last.deleted) return;
    count(last.kind, last.workspace, last.bytes, -1);
    const Name name = nameOf(last.workspace, last.kind, last.name);
    if (auto it = state_.names.find(name); it != state_.names.end() && it->second == id) set(state_.names, name, std::nullopt);
}

void ApplyPlan::insert(PendingRow row) {
    row.lsn = state_.lsn;
    Newest next;
    next.rid = row.lsn;
    next.version = row.version;
    next.deleted = row.deleted;
    next.kind = row.kind;
    next.created_at = row.created_at;
    next.pending = rows.size();
    const std::string id = idOf(row.record.id);
    if (row.deleted) {
        next.workspace = row.workspace;
        next.type = row.type;
    } else {
        const engram_record& r = row.record;
        next.workspace = view(r.workspace);
        next.type = view(r.type);
        next.name = view(r.name);
        next.bytes = r.text.len + r.metadata.len;
        count(next.kind, next.workspace, next.bytes, +1);
        if (!next.name.empty()) set(state_.names, nameOf(next.workspace, next.kind, next.name), std::optional(id));
    }
    set(state_.newest, id, std::optional(std::move(next)));
    rows.push_back(std::move(row));
}

bool ApplyPlan::put(const engram_op& op, uint32_t replay, Applied& applied) {
    const engram_record& r = *op.record;
    const std::string id = idOf(r.id);
    const auto it = state_.newest.find(id);
    const std::optional<Newest> last = it == state_.newest.end() ? std::nullopt : std::optional(it->second);
    if (op.expected == ENGRAM_VERSION_NEW && last) return refuse(applied, ENGRAM_APPLY_EXISTS, last->version);
    if (op.expected != ENGRAM_VERSION_ANY && op.expected != ENGRAM_VERSION_NEW) {
        if (!last) return refuse(applied, ENGRAM_APPLY_ABSENT);
        if (last->version != op.expected) return refuse(applied, ENGRAM_APPLY_VERSION_MISMATCH, last->version);
    }
    if (r.name.len > 0) {
        const auto holder = state_.names.find(nameOf(std::string(view(r.workspace)), r.kind, std::string(view(r.name))));
        if (holder != state_.names.end() && holder->second != id) return refuse(applied, ENGRAM_APPLY_NAME_TAKEN);
    }
    state_.lsn = nextLsn(replay, r.lsn_from);
    if (last) close(id, *last);
    PendingRow row;
    row.record = r;
    row.kind = r.kind;
    row.created_at = r.created_at;
    row.closes = last ? last->rid : 0;
    row.version = replay && r.version ? r.version : (last ? last->version + 1 : 1);
    insert(std::move(row));
    return true;
}

bool ApplyPlan::remove(const engram_op& op, uint32_t replay, Applied& applied) {
    const std::string id = idOf(op.record->id);
    const auto it = state_.newest.find(id);
    if (it == state_.newest.end() || it->second.deleted) return refuse(applied, ENGRAM_APPLY_ABSENT);
    const Newest last = it->second;
    if (op.expected != ENGRAM_VERSION_ANY && last.version != op.expected)
        return refuse(applied, ENGRAM_APPLY_VERSION_MISMATCH, last.version);
    state_.lsn = nextLsn(replay, op.record->lsn_from);
    close(id, last);
    PendingRow row;
    row.record = {};
    row.record.id = op.record->id;
    row.record.updated_at = op.record->updated_at;
    row.record.occurred_at = row.record.expires_at = row.record.valid_from = row.record.valid_until = ENGRAM_TIME_NONE;
    row.workspace = last.workspace;
    row.type = last.type;
    row.kind = last.kind;
    row.deleted = 1;
    row.created_at = last.created_at;
    row.closes = last.rid;
    row.version = replay && op.record->version ? op.record->version : last.version + 1;
    insert(std::move(row));
    return true;
}

// The answers kept with the keys of batches that wrote the record quote its text.
void ApplyPlan::forgetAnswers(const std::string& id) {
    for (auto [it, end] = state_.keys_of_record.equal_range(id); it != end; ++it)
        if (auto key = state_.keys.find(it->second); key != state_.keys.end()) set(key->second.answer, std::string());
    for (const PendingRow& row : rows) {
        if (row.dropped || idOf(row.record.id) != id) continue;
        for (auto& [name, key] : new_keys)
            if (key.first_lsn <= row.lsn && row.lsn <= key.lsn) set(key.answer, std::string());
    }
}

bool ApplyPlan::purge(const engram_op& op, uint32_t replay, Applied& applied) {
    const std::string id = idOf(op.record->id);
    const auto it = state_.newest.find(id);
    // The feed that is replayed no longer tells of what was purged.
    if (it == state_.newest.end() && !replay) return refuse(applied, ENGRAM_APPLY_ABSENT);
    if (it != state_.newest.end() && op.expected != ENGRAM_VERSION_ANY && it->second.version != op.expected)
        return refuse(applied, ENGRAM_APPLY_VERSION_MISMATCH, it->second.version);
    state_.lsn = nextLsn(replay, op.record->lsn_from);
    forgetAnswers(id);
    if (it != state_.newest.end()) {
        const Newest last = it->second;
        if (!last.deleted) {
            count(last.kind, last.workspace, last.bytes, -1);
            const Name name = nameOf(last.workspace, last.kind, last.name);
            if (auto held = state_.names.find(name); held != state_.names.end() && held->second == id)
                set(state_.names, name, std::nullopt);
        }
        set(state_.newest, id, std::nullopt);
    }
    for (size_t i = 0; i < rows.size(); ++i)
        if (!rows[i].dropped && idOf(rows[i].record.id) == id) {
            undo_.push_back([this, i] { rows[i].dropped = false; });
            rows[i].dropped = true;
        }
    for (size_t i = 0; i < edges.size(); ++i)
        if (!edges[i].dropped && (idOf(edges[i].edge.from) == id || idOf(edges[i].edge.to) == id)) {
            undo_.push_back([this, i] { edges[i].dropped = false; });
            edges[i].dropped = true;
        }
    std::vector<EdgeKey> gone;
    for (const auto& [key, edge] : state_.edges)
        if (std::get<0>(key) == id || std::get<1>(key) == id) gone.push_back(key);
    for (const EdgeKey& key : gone) set(state_.edges, key, std::nullopt);
    set(purged, id, std::optional(state_.lsn));
    return true;
}

bool ApplyPlan::writeEdge(const engram_op& op, uint32_t replay, Applied& applied) {
    const engram_edge& e = *op.edge;
    const EdgeKey key{idOf(e.from), idOf(e.to), std::string(view(e.type))};
    const auto it = state_.edges.find(key);
    PendingEdge next;
    next.edge = e;
    next.deleted = op.kind == ENGRAM_OP_DELETE_EDGE ? 1 : 0;
    if (next.deleted && (it == state_.edges.end() || it->second.deleted)) return refuse(applied, ENGRAM_APPLY_ABSENT);
    state_.lsn = next.lsn = nextLsn(replay, e.lsn_from);
    if (it != state_.edges.end()) {
        const LiveEdge last = it->second;
        if (last.pending == kStored) closed_edges.emplace_back(last.lsn, state_.lsn);
        else {
            undo_.push_back([this, at = last.pending, before = edges[last.pending].lsn_to] { edges[at].lsn_to = before; });
            edges[last.pending].lsn_to = state_.lsn;
        }
    }
    set(state_.edges, key, std::optional(LiveEdge{state_.lsn, next.deleted, edges.size()}));
    edges.push_back(next);
    return true;
}

void ApplyPlan::count(uint32_t kind, const std::string& workspace, uint64_t bytes, int sign) {
    auto add = [&](const std::string& name, uint64_t n) {
        auto it = counts.find(name);
        set(counts, name, std::optional((it == counts.end() ? 0 : it->second) + sign * static_cast<int64_t>(n)));
    };
    add("records." + std::to_string(kind), 1);
    add("workspace." + workspace, 1);
    add("bytes", bytes);
}

int64_t ApplyPlan::counter(const std::string& name) const {
    const auto stored = state_.counters.find(name);
    const auto added = counts.find(name);
    return (stored == state_.counters.end() ? 0 : stored->second) + (added == counts.end() ? 0 : added->second);
}

bool ApplyPlan::withinLimits(const engram_batch& batch, const std::vector<int64_t>& before, Applied& applied) const {
    for (size_t i = 0; i < batch.n_limits; ++i) {
        const int64_t now = counter(std::string(view(batch.limits[i].counter)));
        if (static_cast<uint64_t>(now) <= batch.limits[i].max || now <= before[i]) continue;
        applied.outcome = ENGRAM_APPLY_LIMIT;
        applied.failed_limit = static_cast<uint32_t>(i);
        applied.current_count = static_cast<uint64_t>(now);
        applied.count_before = static_cast<uint64_t>(before[i]);
        return false;
    }
    return true;
}

}  // namespace engram::storage_postgres
