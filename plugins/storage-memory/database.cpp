#include "database.hpp"

#include <algorithm>
#include <engram/cpp/batch_check.hpp>
#include <engram/cpp/text.hpp>

#include "filter.hpp"

namespace engram::storage_memory {
namespace {

constexpr int64_t kKeyLife = 24LL * 3600 * 1000;

const Version* newest(const std::map<Id, std::vector<Version>>& records, const Id& id) {
    auto it = records.find(id);
    return it == records.end() || it->second.empty() ? nullptr : &it->second.back();
}

bool refuse(Applied& applied, uint32_t outcome, uint64_t version = 0) {
    applied.outcome = outcome;
    applied.current_version = version;
    return false;
}

}  // namespace

std::string Database::malformed(const engram_batch& batch) const {
    return batch_check::complaint(batch, [&](uint32_t id) {
        auto space = std::find_if(spaces.begin(), spaces.end(), [&](const Space& s) { return s.id == id; });
        return space == spaces.end() ? 0u : space->dimensions;
    });
}

Applied Database::apply(const engram_batch& batch) {
    Applied applied;
    applied.message = malformed(batch);
    if (!applied.message.empty()) {
        applied.outcome = ENGRAM_APPLY_REFUSED;
        return applied;
    }
    const std::string key(view(batch.idempotency_key));
    if (!key.empty()) {
        std::erase_if(keys, [&](const auto& entry) { return entry.second.expires <= batch.now; });
        if (auto it = keys.find(key); it != keys.end()) {
            const bool same = it->second.request_hash == view(batch.request_hash);
            applied.outcome = same ? ENGRAM_APPLY_REPLAYED : ENGRAM_APPLY_KEY_REUSED;
            applied.lsn = it->second.lsn;
            if (same) applied.answer = it->second.answer;
            return applied;
        }
    }
    // The savepoint: everything the batch may touch.
    std::map<Id, std::vector<Version>> touched;
    for (size_t i = 0; i < batch.n_ops; ++i)
        if (batch.ops[i].record) {
            const Id id = idOf(batch.ops[i].record->id);
            touched[id] = records.contains(id) ? records[id] : std::vector<Version>();
        }
    const auto edges_before = edges;
    const auto counters_before = counters;
    const auto log_before = log;  // whole: a purge takes changes out of its middle
    const auto keys_before = keys;
    const uint64_t lsn_before = lsn, rid_before = next_rid;
    bool good = true;
    for (size_t i = 0; good && i < batch.n_ops; ++i) {
        good = applyOp(batch.ops[i], (batch.flags & ENGRAM_BATCH_REPLAY) != 0, applied);
        if (!good) applied.failed_op = static_cast<uint32_t>(i);
        if (good && i == 0) applied.first_lsn = lsn;
    }
    good = good && checkLimits(batch, counters_before, applied);
    if (!good) {
        for (auto& [id, versions] : touched) {
            if (versions.empty())
                records.erase(id);
            else
                records[id] = std::move(versions);
        }
        edges = edges_before;
        counters = counters_before;
        log = log_before;
        keys = keys_before;
        lsn = lsn_before;
        next_rid = rid_before;
        return applied;
    }
    applied.lsn = lsn;
    if (!key.empty())
        keys[key] = {std::string(view(batch.request_hash)), std::string(view(batch.answer)), applied.first_lsn, lsn,
                     batch.now + kKeyLife};
    return applied;
}

bool Database::applyOp(const engram_op& op, bool replay, Applied& applied) {
    switch (op.kind) {
        case ENGRAM_OP_PUT:
            return put(op, replay, applied);
        case ENGRAM_OP_DELETE:
            return remove(op, replay, applied);
        case ENGRAM_OP_PURGE:
            return purge(op, replay, applied);
        default:
            return writeEdge(op, replay, applied);
    }
}

uint64_t Database::nextLsn(bool replay, uint64_t given) const {
    return replay ? std::max(lsn + 1, given) : lsn + 1;
}

bool Database::put(const engram_op& op, bool replay, Applied& applied) {
    Version version = versionOf(*op.record);
    const Version* last = newest(records, version.id);
    if (op.expected == ENGRAM_VERSION_NEW && last) return refuse(applied, ENGRAM_APPLY_EXISTS, last->version);
    if (op.expected != ENGRAM_VERSION_ANY && op.expected != ENGRAM_VERSION_NEW) {
        if (!last) return refuse(applied, ENGRAM_APPLY_ABSENT);
        if (last->version != op.expected)
            return refuse(applied, ENGRAM_APPLY_VERSION_MISMATCH, last->version);
    }
    if (!version.name.empty())
        for (const auto& [id, versions] : records) {
            const Version& other = versions.back();
            if (id != version.id && !other.deleted && other.kind == version.kind &&
                other.workspace == version.workspace && other.name == version.name)
                return refuse(applied, ENGRAM_APPLY_NAME_TAKEN);
        }
    lsn = nextLsn(replay, version.lsn_from);
    version.version = replay && version.version ? version.version : (last ? last->version + 1 : 1);
    version.lsn_from = lsn;
    version.lsn_to = ENGRAM_LSN_MAX;
    version.deleted = false;
    version.rid = next_rid++;
    std::vector<Version>& versions = records[version.id];
    if (!versions.empty()) {
        if (!versions.back().deleted) count(versions.back(), -1);
        versions.back().lsn_to = lsn;
    }
    count(version, +1);
    versions.push_back(version);
    log.push_back({ENGRAM_CHANGE_PUT, lsn, std::move(version), {}});
    return true;
}

bool Database::remove(const engram_op& op, bool replay, Applied& applied) {
    const Id id = idOf(op.record->id);
    const Version* last = newest(records, id);
    if (!last || last->deleted) return refuse(applied, ENGRAM_APPLY_ABSENT);
    if (op.expected != ENGRAM_VERSION_ANY && last->version != op.expected)
        return refuse(applied, ENGRAM_APPLY_VERSION_MISMATCH, last->version);
    lsn = nextLsn(replay, op.record->lsn_from);
    Version tombstone;
    tombstone.id = id;
    tombstone.kind = last->kind;
    tombstone.workspace = last->workspace;
    tombstone.type = last->type;
    tombstone.created_at = last->created_at;
    tombstone.updated_at = op.record->updated_at;
    tombstone.deleted = true;
    tombstone.version = replay && op.record->version ? op.record->version : last->version + 1;
    tombstone.lsn_from = lsn;
    tombstone.rid = next_rid++;
    std::vector<Version>& versions = records[id];
    count(versions.back(), -1);
    versions.back().lsn_to = lsn;
    versions.push_back(tombstone);
    log.push_back({ENGRAM_CHANGE_DELETE, lsn, std::move(tombstone), {}});
    return true;
}

bool Database::purge(const engram_op& op, bool replay, Applied& applied) {
    const Version* last = newest(records, idOf(op.record->id));
    // The feed that is replayed no longer tells of what was purged.
    if (!last && !replay) return refuse(applied, ENGRAM_APPLY_ABSENT);
    if (last && op.expected != ENGRAM_VERSION_ANY && last->version != op.expected)
        return refuse(applied, ENGRAM_APPLY_VERSION_MISMATCH, last->version);
    lsn = nextLsn(replay, op.record->lsn_from);
    forget(idOf(op.record->id));
    return true;
}

// Nothing of the record stays, in the feed and the answers to its writes neither: only that it was purged.
void Database::forget(const Id& id) {
    if (auto it = records.find(id); it != records.end()) {
        for (const Version& version : it->second)
            for (auto& [key, entry] : keys)
                if (entry.first_lsn <= version.lsn_from && version.lsn_from <= entry.lsn) entry.answer.clear();
        if (!it->second.back().deleted) count(it->second.back(), -1);
        records.erase(it);
    }
    std::erase_if(edges, [&](const Edge& e) { return e.from == id || e.to == id; });
    std::erase_if(log, [&](const Change& c) {
        const bool on_edge = c.kind == ENGRAM_CHANGE_PUT_EDGE || c.kind == ENGRAM_CHANGE_DELETE_EDGE;
        return on_edge ? c.edge.from == id || c.edge.to == id : c.version.id == id;
    });
    Version gone;
    gone.id = id;
    log.push_back({ENGRAM_CHANGE_PURGE, lsn, std::move(gone), {}});
}

bool Database::writeEdge(const engram_op& op, bool replay, Applied& applied) {
    Edge edge = edgeOf(*op.edge);
    edge.deleted = op.kind == ENGRAM_OP_DELETE_EDGE;
    auto old = std::find_if(edges.begin(), edges.end(), [&](const Edge& e) {
        return e.from == edge.from && e.to == edge.to && e.type == edge.type && e.lsn_to == ENGRAM_LSN_MAX;
    });
    if (edge.deleted && (old == edges.end() || old->deleted)) return refuse(applied, ENGRAM_APPLY_ABSENT);
    lsn = nextLsn(replay, op.edge->lsn_from);
    edge.lsn_from = lsn;
    if (old != edges.end()) old->lsn_to = lsn;
    log.push_back({edge.deleted ? uint32_t(ENGRAM_CHANGE_DELETE_EDGE) : uint32_t(ENGRAM_CHANGE_PUT_EDGE),
                   lsn,
                   {},
                   edge});
    edges.push_back(std::move(edge));
    return true;
}

void Database::count(const Version& version, int sign) {
    auto add = [&](const std::string& name, uint64_t n) {
        uint64_t& value = counters[name];
        value = sign > 0 ? value + n : value - n;
        if (value == 0) counters.erase(name);
    };
    add("records." + std::to_string(version.kind), 1);
    add("workspace." + version.workspace, 1);
    add("bytes", version.bytes());
}

bool Database::checkLimits(const engram_batch& batch, const std::map<std::string, uint64_t>& before,
                           Applied& applied) const {
    auto value = [](const std::map<std::string, uint64_t>& all, const std::string& name) {
        auto it = all.find(name);
        return it == all.end() ? uint64_t(0) : it->second;
    };
    for (size_t i = 0; i < batch.n_limits; ++i) {
        const std::string name(view(batch.limits[i].counter));
        const uint64_t now = value(counters, name);
        if (now <= batch.limits[i].max || now <= value(before, name)) continue;
        applied.outcome = ENGRAM_APPLY_LIMIT;
        applied.failed_limit = static_cast<uint32_t>(i);
        applied.current_count = now;
        applied.count_before = value(before, name);
        return false;
    }
    return true;
}

bool Database::fill(uint64_t rid, uint32_t space, const std::vector<float>& vector) {
    for (auto& [id, versions] : records) {
        Version& newest = versions.back();
        if (newest.rid != rid || newest.deleted) continue;
        newest.vectors[space] = vector;
        for (Change& change : log)
            if (change.kind == ENGRAM_CHANGE_PUT && change.version.rid == rid) change.version.vectors[space] = vector;
        return true;
    }
    return false;
}

const Version* Database::find(const Id& id, uint64_t at) const {
    auto it = records.find(id);
    if (it == records.end()) return nullptr;
    for (const Version& version : it->second)
        if (version.visibleAt(at)) return &version;
    return nullptr;
}

std::vector<const Version*> Database::visible(const engram_scope& scope, uint64_t at) const {
    std::vector<const Version*> found;
    for (const auto& [id, versions] : records)
        for (const Version& version : versions)
            if (version.visibleAt(at) && inScope(scope, version)) found.push_back(&version);
    std::sort(found.begin(), found.end(), [](const Version* a, const Version* b) { return a->rid < b->rid; });
    return found;
}

}  // namespace engram::storage_memory
