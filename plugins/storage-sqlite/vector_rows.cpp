#include "vector_rows.hpp"

#include "codec.hpp"
#include "row.hpp"

#include <engram/cpp/text.hpp>

#include <algorithm>
#include <set>

namespace engram::storage_sqlite {
namespace {

// One transaction of the writing connection, taken back unless it was committed.
class Transaction {
public:
    explicit Transaction(Connection& writer) : writer_(writer) { writer_.execute("BEGIN IMMEDIATE"); }
    Transaction(const Transaction&) = delete;
    ~Transaction() {
        if (!committed_) sqlite3_exec(writer_.handle(), "ROLLBACK", nullptr, nullptr, nullptr);
    }
    void commit() {
        writer_.execute("COMMIT");
        committed_ = true;
    }

private:
    Connection& writer_;
    bool committed_ = false;
};

std::vector<uint32_t> spacesOf(std::string_view blob) {
    std::vector<uint32_t> spaces;
    if (!decodeSpaces(blob, spaces)) throw SqliteError(SQLITE_CORRUPT, "damaged vectors");
    return spaces;
}

// The blob without the space's vector.
std::string without(std::string_view blob, uint32_t space) {
    std::vector<QuantisedVector> vectors;
    if (!decodeVectors(blob, vectors)) throw SqliteError(SQLITE_CORRUPT, "damaged vectors");
    std::string rest;
    for (const QuantisedVector& v : vectors) {
        if (v.space == space) continue;
        std::vector<float> values;
        for (int8_t code : v.codes) values.push_back(static_cast<float>(code) * v.scale);
        encodeVector(rest, v.space, values.data(), static_cast<uint32_t>(values.size()));
    }
    return rest;
}

}  // namespace

engram_status pushUnfilled(Connection& reader, uint64_t at, uint32_t space, uint32_t kind, uint64_t after, uint32_t limit,
                           uint32_t want, const engram_rows& rows) {
    Statement s = reader.statement("SELECT " ENGRAM_ROW_COLUMNS
                                   " FROM versions WHERE rid > ?1 AND rid <= ?2 AND lsn_to > ?2 AND deleted = 0 AND"
                                   " (?3 = 0 OR kind = ?3) ORDER BY rid");
    s.bind(1, after).bind(2, at).bind(3, int64_t(kind));
    size_t n = 0;
    while (n < limit && s.step()) {
        const std::vector<uint32_t> has = spacesOf(s.blob(23));
        if (std::find(has.begin(), has.end(), space) != has.end()) continue;
        Row row(s);
        if (const engram_status status = rows.row(rows.ctx, n++, row.record(want)); status != ENGRAM_OK) return status;
    }
    return ENGRAM_OK;
}

uint64_t fillVectors(Tenant& tenant, const Space& space, const engram_fill* fills, size_t n) {
    Connection& db = *tenant.writer;
    std::vector<std::pair<uint64_t, QuantisedVector>> taken;
    std::set<uint64_t> replaced;
    Transaction transaction(db);
    for (size_t i = 0; i < n; ++i) {
        std::string blob, encoded;
        {
            Statement row = db.statement("SELECT vectors FROM versions WHERE rid = ? AND lsn_to = ? AND deleted = 0");
            row.bind(1, fills[i].rid).bind(2, kCurrent);
            if (!row.step()) continue;
            blob = row.blob(0);
        }
        const std::vector<uint32_t> has = spacesOf(blob);
        if (std::find(has.begin(), has.end(), space.id) != has.end()) {
            blob = without(blob, space.id);
            replaced.insert(fills[i].rid);
        }
        encodeVector(encoded, space.id, fills[i].values, space.dimensions);
        blob += encoded;
        db.statement("UPDATE versions SET vectors = ? WHERE rid = ?").bindBlob(1, blob).bind(2, fills[i].rid).run();
        std::vector<QuantisedVector> quantised;
        decodeVectors(encoded, quantised);
        taken.emplace_back(fills[i].rid, std::move(quantised.front()));
    }
    transaction.commit();
    std::unique_lock lock(tenant.index_mutex);
    if (auto set = tenant.vectors.find(space.id); set != tenant.vectors.end()) {
        for (const auto& [rid, vector] : taken) {
            const uint32_t place = tenant.facts.placeOf(rid);
            if (replaced.contains(rid)) set->second.remove(place);
            set->second.add(place, vector);
        }
    }
    tenant.publish(tenant.lsn());  // no LSN is taken, but snapshots that readers keep are old now
    return taken.size();
}

void dropVectors(Tenant& tenant, uint32_t space) {
    Connection& db = *tenant.writer;
    std::vector<std::pair<uint64_t, std::string>> rewritten;
    {
        Statement rows = db.statement("SELECT rid, vectors FROM versions WHERE vectors <> x''");
        while (rows.step()) {
            const std::vector<uint32_t> has = spacesOf(rows.blob(1));
            if (std::find(has.begin(), has.end(), space) != has.end())
                rewritten.emplace_back(static_cast<uint64_t>(rows.integer(0)), without(rows.blob(1), space));
        }
    }
    Transaction transaction(db);
    for (const auto& [rid, blob] : rewritten)
        db.statement("UPDATE versions SET vectors = ? WHERE rid = ?").bindBlob(1, blob).bind(2, rid).run();
    db.statement("DELETE FROM spaces WHERE id = ?").bind(1, int64_t(space)).run();
    transaction.commit();
}

std::map<uint32_t, uint64_t> countVectors(Connection& reader) {
    std::map<uint32_t, uint64_t> counts;
    Statement rows = reader.statement(
        "SELECT vectors FROM versions WHERE vectors <> x'' AND deleted = 0 AND lsn_to = 9223372036854775807");
    while (rows.step())
        for (uint32_t space : spacesOf(rows.blob(0))) ++counts[space];
    return counts;
}

}  // namespace engram::storage_sqlite
