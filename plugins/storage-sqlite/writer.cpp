#include "writer.hpp"

#include "row.hpp"

#include <engram/cpp/batch_check.hpp>
#include <engram/cpp/text.hpp>

#include <algorithm>
#include <cstring>

namespace engram::storage_sqlite {
namespace {

constexpr int64_t kKeyLife = 24LL * 3600 * 1000;

std::string_view bytesOf(const engram_uuid& id) { return {reinterpret_cast<const char*>(id.bytes), sizeof id.bytes}; }

// What a transaction does to the memory of the tenant, published after its commit.
struct Effects {
    struct NewRow {
        RowFacts facts;
        std::string workspace, type, tags, terms, vectors;
        std::string_view metadata;  // borrowed from the batch
    };
    std::vector<NewRow> rows;
    std::vector<std::pair<uint64_t, uint64_t>> closed;  // rid, lsn_to
    std::vector<uint64_t> removed;
};

class Writer {
public:
    Writer(Tenant& tenant, Deadline deadline)
        : tenant_(tenant), db_(*tenant.writer), deadline_(deadline), lsn_(tenant.lsn()) {}

    std::vector<Applied> run(const engram_batch* batches, size_t n) {
        std::vector<Applied> results;
        db_.execute("BEGIN IMMEDIATE");
        try {
            counters_ = tenant_.counters;
            for (size_t i = 0; i < n; ++i) results.push_back(apply(batches[i]));
            if (changed_) {
                db_.statement("UPDATE meta SET lsn = ?").bind(1, lsn_).run();
                writeCounters();
            }
            db_.execute("COMMIT");
        } catch (...) {
            sqlite3_exec(db_.handle(), "ROLLBACK", nullptr, nullptr, nullptr);
            throw;
        }
        publish();
        if (purged_) truncateLog();
        return results;
    }

private:
    struct Newest {
        bool found = false;
        uint64_t rid = 0, version = 0, bytes = 0;
        bool deleted = false;
        uint32_t kind = 0;
        std::string workspace, type;
        int64_t created_at = 0;
        bool has_created_at = false;
    };

    Applied apply(const engram_batch& batch) {
        Applied applied;
        applied.message = malformed(batch);
        if (!applied.message.empty()) {
            applied.outcome = ENGRAM_APPLY_REFUSED;
            return applied;
        }
        if (batch.idempotency_key.len > 0 && seen(batch, applied)) return applied;

        db_.execute("SAVEPOINT batch");
        const uint64_t lsn_before = lsn_;
        undo_.clear();
        const size_t rows = effects_.rows.size(), closed = effects_.closed.size(), removed = effects_.removed.size();
        const bool changed = changed_, purged = purged_;
        bool good = true;
        for (size_t i = 0; good && i < batch.n_ops; ++i) {
            good = applyOp(batch.ops[i], (batch.flags & ENGRAM_BATCH_REPLAY) != 0, applied);
            if (!good) applied.failed_op = static_cast<uint32_t>(i);
            if (good && i == 0) applied.first_lsn = lsn_;
        }
        good = good && checkLimits(batch, applied);
        if (!good) {
            db_.execute("ROLLBACK TO batch");
            db_.execute("RELEASE batch");
            lsn_ = lsn_before;
            takeBackCounts();
            effects_.rows.resize(rows);
            effects_.closed.resize(closed);
            effects_.removed.resize(removed);
            changed_ = changed;
            purged_ = purged;
            return applied;
        }
        applied.lsn = lsn_;
        if (batch.idempotency_key.len > 0) remember(batch, applied.first_lsn);
        db_.execute("RELEASE batch");
        changed_ = true;
        return applied;
    }

    std::string malformed(const engram_batch& batch) const {
        return batch_check::complaint(batch, [&](uint32_t id) {
            auto space = std::find_if(tenant_.spaces.begin(), tenant_.spaces.end(), [&](const Space& s) { return s.id == id; });
            return space == tenant_.spaces.end() ? 0u : space->dimensions;
        });
    }

    bool seen(const engram_batch& batch, Applied& applied) {
        const std::string_view key = view(batch.idempotency_key);
        Statement known = db_.statement("SELECT hash, answer, lsn, expires FROM idempotency WHERE key = ?");
        known.bindText(1, key);
        if (!known.step() || known.integer(3) <= batch.now) return false;
        const bool same = known.blob(0) == view(batch.request_hash);
        applied.outcome = same ? ENGRAM_APPLY_REPLAYED : ENGRAM_APPLY_KEY_REUSED;
        applied.lsn = static_cast<uint64_t>(known.integer(2));
        if (same) applied.answer = known.blob(1);
        return true;
    }

    void remember(const engram_batch& batch, uint64_t first_lsn) {
        db_.statement("DELETE FROM idempotency WHERE expires <= ?").bind(1, batch.now).run();
        db_.statement("INSERT OR REPLACE INTO idempotency VALUES(?, ?, ?, ?, ?, ?)")
            .bindText(1, view(batch.idempotency_key))
            .bindBlob(2, view(batch.request_hash))
            .bindBlob(3, view(batch.answer))
            .bind(4, first_lsn)
            .bind(5, lsn_)
            .bind(6, batch.now + kKeyLife)
            .run();
    }

    bool applyOp(const engram_op& op, bool replay, Applied& applied) {
        switch (op.kind) {
            case ENGRAM_OP_PUT: return put(op, replay, applied);
            case ENGRAM_OP_DELETE: return remove(op, replay, applied);
            case ENGRAM_OP_PURGE: return purge(op, replay, applied);
            default: return putEdge(*op.edge, op.kind == ENGRAM_OP_DELETE_EDGE, replay, applied);
        }
    }

    static bool refuse(Applied& applied, uint32_t outcome, uint64_t version = 0) {
        applied.outcome = outcome;
        applied.current_version = version;
        return false;
    }

    uint64_t nextLsn(bool replay, uint64_t given) const { return replay ? std::max(lsn_ + 1, given) : lsn_ + 1; }

    Newest newest(const engram_uuid& id) {
        Statement s = db_.statement(
            "SELECT rid, version, deleted, kind, workspace, type, created_at, length(CAST(text AS BLOB)) +"
            " length(CAST(metadata AS BLOB)) FROM versions WHERE id = ? ORDER BY version DESC LIMIT 1");
        s.bindBlob(1, bytesOf(id));
        Newest out;
        if (!s.step()) return out;
        out.found = true;
        out.rid = static_cast<uint64_t>(s.integer(0));
        out.version = static_cast<uint64_t>(s.integer(1));
        out.deleted = s.integer(2) != 0;
        out.kind = static_cast<uint32_t>(s.integer(3));
        out.workspace = s.text(4);
        out.type = s.text(5);
        out.has_created_at = !s.isNull(6);
        out.created_at = s.integer(6);
        out.bytes = static_cast<uint64_t>(s.integer(7));
        return out;
    }

    bool nameTaken(const engram_record& r) {
        Statement s = db_.statement(
            "SELECT 1 FROM versions WHERE workspace = ? AND kind = ? AND name = ? AND name <> '' AND deleted = 0 AND"
            " lsn_to = 9223372036854775807 AND id <> ?");
        s.bindText(1, view(r.workspace)).bind(2, int64_t(r.kind)).bindText(3, view(r.name)).bindBlob(4, bytesOf(r.id));
        return s.step();
    }

    void close(const Newest& last) {
        db_.statement("UPDATE versions SET lsn_to = ? WHERE rid = ?").bind(1, lsn_).bind(2, last.rid).run();
        effects_.closed.emplace_back(last.rid, lsn_);
        if (!last.deleted) count(last.kind, last.workspace, last.bytes, -1);
    }

    bool put(const engram_op& op, bool replay, Applied& applied) {
        const engram_record& r = *op.record;
        const Newest last = newest(r.id);
        if (op.expected == ENGRAM_VERSION_NEW && last.found) return refuse(applied, ENGRAM_APPLY_EXISTS, last.version);
        if (op.expected != ENGRAM_VERSION_ANY && op.expected != ENGRAM_VERSION_NEW) {
            if (!last.found) return refuse(applied, ENGRAM_APPLY_ABSENT);
            if (last.version != op.expected) return refuse(applied, ENGRAM_APPLY_VERSION_MISMATCH, last.version);
        }
        if (r.name.len > 0 && nameTaken(r)) return refuse(applied, ENGRAM_APPLY_NAME_TAKEN);
        lsn_ = nextLsn(replay, r.lsn_from);
        if (last.found) close(last);
        const uint64_t version = replay && r.version ? r.version : last.version + 1;
        insert(r, version, false);
        count(r.kind, std::string(view(r.workspace)), r.text.len + r.metadata.len, +1);
        return true;
    }

    bool remove(const engram_op& op, bool replay, Applied& applied) {
        const Newest last = newest(op.record->id);
        if (!last.found || last.deleted) return refuse(applied, ENGRAM_APPLY_ABSENT);
        if (op.expected != ENGRAM_VERSION_ANY && last.version != op.expected)
            return refuse(applied, ENGRAM_APPLY_VERSION_MISMATCH, last.version);
        lsn_ = nextLsn(replay, op.record->lsn_from);
        close(last);
        engram_record tombstone{};
        tombstone.size = sizeof tombstone;
        tombstone.kind = last.kind;
        tombstone.id = op.record->id;
        tombstone.workspace = borrow(last.workspace);
        tombstone.type = borrow(last.type);
        tombstone.created_at = last.has_created_at ? last.created_at : ENGRAM_TIME_NONE;
        tombstone.updated_at = op.record->updated_at;
        tombstone.occurred_at = tombstone.expires_at = tombstone.valid_from = tombstone.valid_until = ENGRAM_TIME_NONE;
        insert(tombstone, replay && op.record->version ? op.record->version : last.version + 1, true);
        return true;
    }

    void insert(const engram_record& r, uint64_t version, bool deleted) {
        std::string tags, terms, vectors;
        for (size_t i = 0; i < r.n_tags; ++i) encodeText(tags, view(r.tags[i]));
        for (size_t i = 0; i < r.n_terms; ++i) encodeTerm(terms, view(r.terms[i].term), r.terms[i].tf);
        for (size_t i = 0; i < r.n_vectors; ++i)
            encodeVector(vectors, r.vectors[i].space, r.vectors[i].values, r.vectors[i].dimensions);
        Statement s = db_.statement(
            "INSERT INTO versions(" ENGRAM_ROW_COLUMNS
            ") VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)");
        auto time = [&](int index, engram_time value) {
            if (value != ENGRAM_TIME_NONE) s.bind(index, value);
        };
        s.bind(1, lsn_).bindBlob(2, bytesOf(r.id)).bind(3, int64_t(r.kind)).bindText(4, view(r.workspace));
        s.bindText(5, view(r.name)).bindText(6, view(r.type)).bindBlob(7, bytesOf(r.parent)).bind(8, r.position);
        s.bindText(9, view(r.text)).bindText(10, view(r.metadata)).bindBlob(11, tags).bind(12, r.importance);
        time(13, r.occurred_at);
        time(14, r.created_at);
        time(15, r.updated_at);
        time(16, r.expires_at);
        time(17, r.valid_from);
        time(18, r.valid_until);
        s.bind(19, int64_t(r.length)).bind(20, int64_t(deleted)).bind(21, version).bind(22, kCurrent);
        s.bindBlob(23, terms).bindBlob(24, vectors).bind(25, int64_t(r.pinned)).run();

        Effects::NewRow row;
        row.facts.rid = lsn_;
        row.facts.id = r.id;
        row.facts.created_at = r.created_at;
        row.facts.updated_at = r.updated_at;
        row.facts.occurred_at = r.occurred_at;
        row.facts.expires_at = r.expires_at;
        row.facts.importance = r.importance;
        row.facts.length = r.length;
        row.facts.kind = static_cast<uint16_t>(r.kind);
        row.facts.deleted = deleted ? 1 : 0;
        row.facts.pinned = r.pinned != 0 ? 1 : 0;
        row.workspace = view(r.workspace);
        row.type = view(r.type);
        row.tags = std::move(tags);
        row.metadata = view(r.metadata);
        row.terms = std::move(terms);
        row.vectors = std::move(vectors);
        effects_.rows.push_back(std::move(row));
    }

    // Every version of the record, its words in the folded index, its edges.
    bool purge(const engram_op& op, bool replay, Applied& applied) {
        const engram_uuid& id = op.record->id;
        const Newest last = newest(id);
        // The feed that is replayed no longer tells of what was purged.
        if (!last.found && !replay) return refuse(applied, ENGRAM_APPLY_ABSENT);
        if (last.found && op.expected != ENGRAM_VERSION_ANY && last.version != op.expected)
            return refuse(applied, ENGRAM_APPLY_VERSION_MISMATCH, last.version);
        lsn_ = nextLsn(replay, op.record->lsn_from);
        if (last.found && !last.deleted) count(last.kind, last.workspace, last.bytes, -1);
        {
            Statement s = db_.statement("SELECT rid, terms FROM versions WHERE id = ?");
            s.bindBlob(1, bytesOf(id));
            std::vector<TermCount> terms;
            while (s.step()) {
                const auto rid = static_cast<uint64_t>(s.integer(0));
                effects_.removed.push_back(rid);
                forgetAnswer(rid);
                terms.clear();
                if (!decodeTerms(s.blob(1), terms)) throw SqliteError(SQLITE_CORRUPT, "damaged terms");
                if (rid <= tenant_.folded)
                    for (const TermCount& term : terms) removePosting(term.term, rid);
            }
        }
        db_.statement("DELETE FROM versions WHERE id = ?").bindBlob(1, bytesOf(id)).run();
        db_.statement("DELETE FROM edges WHERE source = ?1 OR target = ?1").bindBlob(1, bytesOf(id)).run();
        db_.statement("INSERT OR REPLACE INTO purges VALUES(?, ?)").bind(1, lsn_).bindBlob(2, bytesOf(id)).run();
        purged_ = true;
        return true;
    }

    // The answer kept with the idempotency key of the batch that wrote the version quotes its text.
    void forgetAnswer(uint64_t lsn) {
        db_.statement(
               "UPDATE idempotency SET answer = x'' WHERE first_lsn <= ?1 AND"
               " lsn = (SELECT min(lsn) FROM idempotency WHERE lsn >= ?1)")
            .bind(1, lsn)
            .run();
    }

    void removePosting(std::string_view term, uint64_t rid) {
        uint64_t last = 0;
        std::vector<Posting> postings;
        {
            Statement s = db_.statement("SELECT last, block FROM postings WHERE term = ? AND last >= ? ORDER BY last LIMIT 1");
            s.bindBlob(1, term).bind(2, rid);
            if (!s.step()) return;
            last = static_cast<uint64_t>(s.integer(0));
            if (!decodePostings(s.blob(1), postings)) throw SqliteError(SQLITE_CORRUPT, "damaged postings");
        }
        std::erase_if(postings, [&](const Posting& p) { return p.rid == rid; });
        db_.statement("DELETE FROM postings WHERE term = ? AND last = ?").bindBlob(1, term).bind(2, last).run();
        if (postings.empty()) return;
        const std::string block = encodePostings(postings);
        db_.statement("INSERT INTO postings VALUES(?, ?, ?)").bindBlob(1, term).bind(2, postings.back().rid).bindBlob(3, block).run();
    }

    bool putEdge(const engram_edge& e, bool deleted, bool replay, Applied& applied) {
        Statement live = db_.statement(
            "SELECT lsn FROM edges WHERE source = ? AND target = ? AND type = ? AND lsn_to = ? AND deleted = 0");
        live.bindBlob(1, bytesOf(e.from)).bindBlob(2, bytesOf(e.to)).bindText(3, view(e.type)).bind(4, kCurrent);
        if (deleted && !live.step()) return refuse(applied, ENGRAM_APPLY_ABSENT);
        lsn_ = nextLsn(replay, e.lsn_from);
        db_.statement("UPDATE edges SET lsn_to = ? WHERE source = ? AND target = ? AND type = ? AND lsn_to = ?")
            .bind(1, lsn_)
            .bindBlob(2, bytesOf(e.from))
            .bindBlob(3, bytesOf(e.to))
            .bindText(4, view(e.type))
            .bind(5, kCurrent)
            .run();
        Statement s = db_.statement("INSERT INTO edges VALUES(?,?,?,?,?,?,?,?,?,?,?)");
        s.bind(1, lsn_).bindBlob(2, bytesOf(e.from)).bindBlob(3, bytesOf(e.to)).bindText(4, view(e.type)).bind(5, e.weight);
        if (e.valid_from != ENGRAM_TIME_NONE) s.bind(6, e.valid_from);
        if (e.valid_until != ENGRAM_TIME_NONE) s.bind(7, e.valid_until);
        if (e.created_at != ENGRAM_TIME_NONE) s.bind(8, e.created_at);
        s.bindText(9, view(e.metadata)).bind(10, int64_t(deleted)).bind(11, kCurrent).run();
        return true;
    }

    void count(uint32_t kind, const std::string& workspace, uint64_t bytes, int sign) {
        auto add = [&](std::string name, uint64_t n) {
            uint64_t& value = counters_[name];
            const uint64_t before = value;
            value = sign > 0 ? value + n : value - n;
            if (value == 0) counters_.erase(name);
            undo_.emplace_back(std::move(name), before);
        };
        add("records." + std::to_string(kind), 1);
        add("workspace." + workspace, 1);
        add("bytes", bytes);
    }

    void takeBackCounts() {
        for (; !undo_.empty(); undo_.pop_back()) {
            const auto& [name, before] = undo_.back();
            if (before == 0) counters_.erase(name);
            else counters_[name] = before;
        }
    }

    // A counter's value before the batch.
    uint64_t before(const std::string& name) const {
        for (const auto& [counted, value] : undo_)
            if (counted == name) return value;
        return valueOf(counters_, name);
    }

    static uint64_t valueOf(const std::map<std::string, uint64_t>& counters, const std::string& name) {
        auto it = counters.find(name);
        return it == counters.end() ? 0 : it->second;
    }

    bool checkLimits(const engram_batch& batch, Applied& applied) const {
        for (size_t i = 0; i < batch.n_limits; ++i) {
            const std::string name(view(batch.limits[i].counter));
            const uint64_t now = valueOf(counters_, name);
            if (now <= batch.limits[i].max || now <= before(name)) continue;
            applied.outcome = ENGRAM_APPLY_LIMIT;
            applied.failed_limit = static_cast<uint32_t>(i);
            applied.current_count = now;
            applied.count_before = before(name);
            return false;
        }
        return true;
    }

    void writeCounters() {
        for (const auto& [name, value] : counters_)
            if (valueOf(tenant_.counters, name) != value)
                db_.statement("INSERT OR REPLACE INTO counters VALUES(?, ?)").bindText(1, name).bind(2, value).run();
        for (const auto& [name, value] : tenant_.counters)
            if (!counters_.contains(name)) db_.statement("DELETE FROM counters WHERE name = ?").bindText(1, name).run();
    }

    void publish() {
        {
            std::unique_lock lock(tenant_.index_mutex);
            tenant_.counters = std::move(counters_);
            if (tenant_.index_loaded) {
                publishRows();
                publishVectors();
                forgetRemoved();
            }
            tenant_.publish(lsn_);
        }
    }

    void publishRows() {
        for (Effects::NewRow& row : effects_.rows) {
            row.facts.workspace = tenant_.facts.workspace_names.number(row.workspace);
            tenant_.metadata.add(static_cast<uint32_t>(tenant_.facts.rows().size()), row.metadata);
            tenant_.facts.add(row.facts, row.type, row.tags);
            if (row.facts.deleted) continue;
            tenant_.companions.add(tenant_.facts.placeOf(row.facts.rid), row.terms);
            tenant_.tail.add(row.facts.rid, std::move(row.terms));
        }
        for (const auto& [rid, lsn_to] : effects_.closed) tenant_.facts.close(rid, lsn_to);
    }

    void publishVectors() {
        if (tenant_.vectors.empty()) return;
        std::vector<QuantisedVector> decoded;
        for (const Effects::NewRow& row : effects_.rows) {
            decoded.clear();
            decodeVectors(row.vectors, decoded);
            for (const QuantisedVector& vector : decoded)
                if (auto it = tenant_.vectors.find(vector.space); it != tenant_.vectors.end())
                    it->second.add(tenant_.facts.placeOf(row.facts.rid), vector);
        }
    }

    void forgetRemoved() {
        for (uint64_t rid : effects_.removed) {
            const uint32_t place = tenant_.facts.placeOf(rid);
            for (auto& [space, set] : tenant_.vectors) set.remove(place);
            tenant_.companions.remove(place);
            tenant_.metadata.forget(place);
            tenant_.facts.remove(rid);
            tenant_.tail.remove(rid);
        }
        if (!effects_.removed.empty()) tenant_.forgetPostings();
    }

    // Old pages with the purged text may stand in the log: it is emptied before the purge is acknowledged.
    void truncateLog() {
        if (!tenant_.emptyLog(deadline_))
            throw SqliteError(SQLITE_BUSY, "purged, but a reader keeps old pages in the log: they go with the next checkpoint");
    }

    Tenant& tenant_;
    Connection& db_;
    const Deadline deadline_;
    uint64_t lsn_;
    bool changed_ = false, purged_ = false;
    std::map<std::string, uint64_t> counters_;
    std::vector<std::pair<std::string, uint64_t>> undo_;  // counters that the batch changed, and what they were
    Effects effects_;
};

}  // namespace

std::vector<Applied> applyBatches(Tenant& tenant, const engram_batch* batches, size_t n, Deadline deadline) {
    return Writer(tenant, deadline).run(batches, n);
}

}  // namespace engram::storage_sqlite
