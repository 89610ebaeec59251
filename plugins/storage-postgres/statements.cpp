#include "statements.hpp"

#include <array>

namespace engram::storage_postgres {

// The largest bigint: lsn_to of what is current.
#define CURRENT "9223372036854775807"
#define EDGE_COLUMNS                                                                                                    \
    "e.lsn, e.source, e.target, e.type, e.weight, e.valid_from, e.valid_until, e.created_at, e.metadata, e.deleted,"    \
    " e.lsn_to"

const Statement kBeginRead{"begin_read", "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"};
const Statement kBeginWrite{"begin_write", "BEGIN TRANSACTION ISOLATION LEVEL READ COMMITTED READ WRITE"};
const Statement kCommit{"commit", "COMMIT"};
const Statement kTenant{"tenant", "SELECT set_config('engram.tenant', $1::uuid::text, true)"};  // SET LOCAL, bound

const Statement kCreateTenant{"create_tenant",
                              "INSERT INTO tenants(tenant) VALUES($1::uuid) ON CONFLICT (tenant) DO NOTHING RETURNING 1"};
const Statement kFindTenant{"find_tenant", "SELECT lsn, incarnation, fills FROM tenants WHERE tenant = $1::uuid"};
const Statement kLockTenant{
    "lock_tenant", "SELECT lsn, last_write FROM tenants WHERE tenant = $1::uuid FOR UPDATE"};
const Statement kWrittenTenant{
    "written_tenant", "UPDATE tenants SET lsn = $2::bigint, bytes = bytes + $3::bigint, last_write = $4::uuid WHERE"
                      " tenant = $1::uuid"};
const Statement kStats{"stats", "SELECT lsn, bytes FROM tenants WHERE tenant = $1::uuid"};
const Statement kCounters{"counters", "SELECT name, value FROM counters WHERE tenant = $1::uuid ORDER BY name"};

const Statement kById{"by_id", "SELECT " ENGRAM_ROW_COLUMNS
                               " FROM unnest($3::uuid[]) AS q(id) CROSS JOIN LATERAL (SELECT * FROM versions w WHERE"
                               " w.tenant = $1::uuid AND w.id = q.id AND w.rid <= $4::bigint ORDER BY w.rid DESC LIMIT 1) v"
                               " WHERE v.lsn_to > $4::bigint"};
const Statement kByRid{"by_rid", "SELECT " ENGRAM_ROW_COLUMNS
                                 " FROM unnest($3::bigint[]) AS q(rid) CROSS JOIN LATERAL (SELECT * FROM versions w WHERE"
                                 " w.tenant = $1::uuid AND w.rid = q.rid LIMIT 1) v WHERE v.rid <= $4::bigint AND"
                                 " v.lsn_to > $4::bigint"};
const Statement kByName{
    "by_name", "SELECT " ENGRAM_ROW_COLUMNS
               ", q.n FROM unnest($3::text[], $4::int[], $5::text[]) WITH ORDINALITY AS q(workspace, kind, name, n)"
               " CROSS JOIN LATERAL (SELECT * FROM versions w WHERE w.tenant = $1::uuid AND w.workspace = q.workspace AND"
               " w.kind = q.kind AND w.name = q.name AND w.name <> '' AND w.deleted = 0 AND w.rid <= $6::bigint AND"
               " w.lsn_to > $6::bigint LIMIT 1) v"};
const Statement kHistory{"history", "SELECT " ENGRAM_ROW_COLUMNS
                                    " FROM versions v WHERE v.tenant = $1::uuid AND v.id = $3::uuid AND"
                                    " v.rid <= $4::bigint ORDER BY v.rid"};
const Statement kOutgoing{"outgoing", "SELECT " EDGE_COLUMNS
                                      " FROM edges e WHERE e.tenant = $1::uuid AND e.source = $2::uuid AND e.deleted = 0"
                                      " AND e.lsn <= $3::bigint AND e.lsn_to > $3::bigint ORDER BY e.type, e.target"};
const Statement kIncoming{"incoming", "SELECT " EDGE_COLUMNS
                                      " FROM edges e WHERE e.tenant = $1::uuid AND e.target = $2::uuid AND e.deleted = 0"
                                      " AND e.lsn <= $3::bigint AND e.lsn_to > $3::bigint ORDER BY e.type, e.source"};

const Statement kFacts{
    "facts", "SELECT rid, lsn_to, closes, id, kind, workspace, type, importance, occurred_at, created_at, updated_at,"
             " expires_at, valid_from, valid_until, length, deleted, pinned, tags FROM versions WHERE tenant = $1::uuid AND"
             " rid > $2::bigint AND rid <= $3::bigint ORDER BY rid LIMIT $4::int"};
const Statement kTerms{"terms", "SELECT rid, terms FROM versions WHERE tenant = $1::uuid AND rid > $2::bigint AND"
                                " rid <= $3::bigint ORDER BY rid LIMIT $4::int"};
const Statement kVectors{"vectors", "SELECT rid, codes FROM vectors WHERE tenant = $1::uuid AND space = $2::int AND"
                                    " rid > $3::bigint AND rid <= $4::bigint ORDER BY rid LIMIT $5::int"};
const Statement kFilled{"filled", "SELECT rid, codes FROM vectors WHERE tenant = $1::uuid AND space = $2::int AND"
                                  " filled > $3::bigint AND filled > 0 ORDER BY filled"};
const Statement kUnfilled{
    "unfilled", "SELECT " ENGRAM_ROW_COLUMNS " FROM versions v WHERE v.tenant = $1::uuid AND v.rid > $3::bigint AND"
                " v.rid <= $4::bigint AND v.lsn_to > $4::bigint AND v.deleted = 0 AND ($5::int = 0 OR v.kind = $5::int) AND"
                " NOT EXISTS (SELECT 1 FROM vectors w WHERE w.tenant = $1::uuid AND w.rid = v.rid AND w.space = $6::int"
                " OFFSET 0) ORDER BY v.rid LIMIT $7::int"};
const Statement kPurgesSince{"purges_since", "SELECT lsn, id FROM purges WHERE tenant = $1::uuid AND lsn > $2::bigint AND"
                                             " lsn <= $3::bigint ORDER BY lsn"};
const Statement kSpaces{"spaces", "SELECT id, dimensions, name, active FROM spaces WHERE tenant = $1::uuid ORDER BY id"};
const Statement kSpacesCovered{
    "spaces_covered",
    "SELECT s.id, s.dimensions, s.name, s.active, (SELECT count(*) FROM vectors x CROSS JOIN LATERAL"
    " (SELECT w.lsn_to, w.deleted FROM versions w WHERE w.tenant = $1::uuid AND w.rid = x.rid LIMIT 1) v WHERE"
    " x.tenant = $1::uuid AND x.space = s.id AND v.lsn_to = " CURRENT " AND v.deleted = 0) FROM spaces s WHERE s.tenant = $1::uuid ORDER BY s.id"};

const Statement kFeedVersions{"feed_versions", "SELECT " ENGRAM_ROW_COLUMNS
                                               " FROM versions v WHERE v.tenant = $1::uuid AND v.rid > $3::bigint AND"
                                               " v.rid <= $4::bigint ORDER BY v.rid LIMIT $5::int"};
const Statement kFeedEdges{"feed_edges", "SELECT " EDGE_COLUMNS
                                         " FROM edges e WHERE e.tenant = $1::uuid AND e.lsn > $2::bigint AND"
                                         " e.lsn <= $3::bigint ORDER BY e.lsn LIMIT $4::int"};
const Statement kFeedPurges{"feed_purges", "SELECT lsn, id FROM purges WHERE tenant = $1::uuid AND lsn > $2::bigint AND"
                                           " lsn <= $3::bigint ORDER BY lsn LIMIT $4::int"};

const Statement kEveryVersion{
    "every_version", "SELECT " ENGRAM_ROW_COLUMNS ", v.closes, EXISTS(SELECT 1 FROM purges p WHERE p.tenant = v.tenant AND"
                     " p.id = v.id AND p.lsn > v.rid OFFSET 0)::int FROM versions v WHERE v.tenant = $1::uuid AND"
                     " (v.id, v.rid) > ($3::uuid, $4::bigint) ORDER BY v.id, v.rid LIMIT $5::int"};
const Statement kEveryVector{
    "every_vector", "SELECT x.rid, x.space, EXISTS(SELECT 1 FROM versions w WHERE w.tenant = $1::uuid AND w.rid = x.rid"
                    " OFFSET 0)::int FROM vectors x WHERE x.tenant = $1::uuid AND (x.rid, x.space) > ($2::bigint, $3::int)"
                    " ORDER BY x.rid, x.space LIMIT $4::int"};
const Statement kEveryEdge{
    "every_edge", "SELECT " EDGE_COLUMNS ", (EXISTS(SELECT 1 FROM purges p WHERE p.tenant = $1::uuid AND p.id = e.source AND"
                  " p.lsn > e.lsn OFFSET 0) OR EXISTS(SELECT 1 FROM purges p WHERE p.tenant = $1::uuid AND p.id = e.target AND"
                  " p.lsn > e.lsn OFFSET 0) OR EXISTS(SELECT 1 FROM versions w WHERE w.tenant = $1::uuid AND w.rid = e.lsn"
                  " OFFSET 0))::int FROM edges e WHERE e.tenant = $1::uuid AND (e.source, e.type, e.target, e.lsn) >"
                  " ($2::uuid, $3::text, $4::uuid, $5::bigint) ORDER BY e.source, e.type, e.target, e.lsn LIMIT $6::int"};
const Statement kLaterKeys{"later_keys", "SELECT 1 FROM idempotency WHERE tenant = $1::uuid AND lsn > $2::bigint LIMIT 1"};

const Statement kNewest{
    "newest", "SELECT v.id, v.rid, v.version, v.deleted, v.kind, v.workspace, v.type, v.created_at,"
              " (octet_length(v.text) + octet_length(v.metadata))::bigint, v.name FROM unnest($2::uuid[]) AS q(id)"
              " CROSS JOIN LATERAL (SELECT * FROM versions w WHERE w.tenant = $1::uuid AND w.id = q.id AND"
              " w.lsn_to = " CURRENT " LIMIT 1) v"};
const Statement kNamesTaken{
    "names_taken", "SELECT v.workspace, v.kind, v.name, v.id FROM unnest($2::text[], $3::int[], $4::text[])"
                   " AS q(workspace, kind, name) CROSS JOIN LATERAL (SELECT * FROM versions w WHERE w.tenant = $1::uuid AND"
                   " w.workspace = q.workspace AND w.kind = q.kind AND w.name = q.name AND w.name <> '' AND w.deleted = 0"
                   " AND w.lsn_to = " CURRENT " LIMIT 1) v"};
const Statement kLiveEdges{
    "live_edges", "SELECT e.source, e.target, e.type, e.deleted, e.lsn FROM unnest($2::uuid[], $3::uuid[], $4::text[])"
                  " AS q(source, target, type) CROSS JOIN LATERAL (SELECT * FROM edges f WHERE f.tenant = $1::uuid AND"
                  " f.source = q.source AND f.type = q.type AND f.target = q.target AND f.lsn_to = " CURRENT " LIMIT 1) e"};
const Statement kKnownKeys{"known_keys", "SELECT k.key, k.hash, k.answer, k.lsn, k.expires FROM unnest($2::bytea[]) AS"
                                         " q(key) CROSS JOIN LATERAL (SELECT * FROM idempotency i WHERE"
                                         " i.tenant = $1::uuid AND i.key = q.key LIMIT 1) k"};
const Statement kKeysOfPurged{
    "keys_of_purged", "SELECT v.id, k.key FROM unnest($3::bytea[]) AS q(key) CROSS JOIN LATERAL (SELECT * FROM idempotency i"
                      " WHERE i.tenant = $1::uuid AND i.key = q.key LIMIT 1) k CROSS JOIN unnest($2::uuid[]) AS p(id)"
                      " CROSS JOIN LATERAL (SELECT w.id FROM versions w WHERE w.tenant = $1::uuid AND w.id = p.id AND"
                      " w.rid BETWEEN k.first_lsn AND k.lsn OFFSET 0) v"};
const Statement kLimitCounters{
    "limit_counters", "SELECT c.name, c.value FROM unnest($2::text[]) AS q(name) JOIN counters c ON"
                      " c.tenant = $1::uuid AND c.name = q.name"};

// Batches have LSNs of their own, so the batch that wrote a version is the first that ends at or after it.
const Statement kForgetAnswers{
    "forget_answers",
    "UPDATE idempotency k SET answer = '' FROM (SELECT v.rid, (SELECT min(i.lsn) FROM idempotency i WHERE"
    " i.tenant = $1::uuid AND i.lsn >= v.rid) AS lsn FROM unnest($2::uuid[]) AS p(id) JOIN versions v ON"
    " v.tenant = $1::uuid AND v.id = p.id OFFSET 0) q WHERE k.tenant = $1::uuid AND k.lsn = q.lsn AND k.first_lsn <= q.rid"};
const Statement kPurgeVectors{"purge_vectors", "DELETE FROM vectors x USING unnest($2::uuid[]) AS q(id), versions v WHERE"
                                               " x.tenant = $1::uuid AND v.tenant = $1::uuid AND v.id = q.id AND"
                                               " x.rid = v.rid"};
const Statement kPurgeVersions{
    "purge_versions", "WITH gone AS (DELETE FROM versions v USING unnest($2::uuid[]) AS q(id) WHERE v.tenant = $1::uuid AND"
                      " v.id = q.id RETURNING octet_length(v.text) + octet_length(v.metadata) + octet_length(v.terms) AS n)"
                      " UPDATE tenants SET bytes = greatest(0, bytes - (SELECT coalesce(sum(n), 0) FROM gone))"
                      " WHERE tenant = $1::uuid"};
const Statement kPurgeEdgesFrom{"purge_edges_from", "DELETE FROM edges e USING unnest($2::uuid[]) AS q(id) WHERE"
                                                    " e.tenant = $1::uuid AND e.source = q.id"};
const Statement kPurgeEdgesTo{"purge_edges_to", "DELETE FROM edges e USING unnest($2::uuid[]) AS q(id) WHERE"
                                                " e.tenant = $1::uuid AND e.target = q.id"};
const Statement kNotePurges{
    "note_purges", "INSERT INTO purges(tenant, lsn, id) SELECT $1::uuid, q.lsn, q.id FROM unnest($2::bigint[], $3::uuid[])"
                   " AS q(lsn, id) ON CONFLICT (tenant, id) DO UPDATE SET lsn = excluded.lsn"};
const Statement kCloseVersions{
    "close_versions", "UPDATE versions v SET lsn_to = q.lsn_to FROM unnest($2::bigint[], $3::bigint[]) AS q(rid, lsn_to)"
                      " WHERE v.tenant = $1::uuid AND v.rid = q.rid"};
const Statement kInsertVersions{
    "insert_versions",
    "INSERT INTO versions(tenant, rid, closes, id, kind, workspace, name, type, parent, position, text, metadata, tags,"
    " importance, occurred_at, created_at, updated_at, expires_at, valid_from, valid_until, length, deleted, version,"
    " lsn_to, terms, pinned) SELECT $1::uuid, q.* FROM unnest($2::bigint[], $3::bigint[], $4::uuid[], $5::int[], $6::text[],"
    " $7::text[], $8::text[], $9::uuid[], $10::bigint[], $11::text[], $12::text[], $13::bytea[], $14::float8[],"
    " $15::bigint[], $16::bigint[], $17::bigint[], $18::bigint[], $19::bigint[], $20::bigint[], $21::int[], $22::int[],"
    " $23::bigint[], $24::bigint[], $25::bytea[], $26::int[]) AS q"};
const Statement kInsertVectors{
    "insert_vectors", "INSERT INTO vectors(tenant, rid, space, scale, codes) SELECT $1::uuid, q.* FROM"
                      " unnest($2::bigint[], $3::int[], $4::real[], $5::bytea[]) AS q"};
const Statement kCloseEdges{
    "close_edges", "UPDATE edges e SET lsn_to = q.lsn_to FROM unnest($2::bigint[], $3::bigint[]) AS q(lsn, lsn_to)"
                   " WHERE e.tenant = $1::uuid AND e.lsn = q.lsn"};
const Statement kInsertEdges{
    "insert_edges", "INSERT INTO edges(tenant, lsn, source, target, type, weight, valid_from, valid_until, created_at,"
                    " metadata, deleted, lsn_to) SELECT $1::uuid, q.* FROM unnest($2::bigint[], $3::uuid[], $4::uuid[],"
                    " $5::text[], $6::float8[], $7::bigint[], $8::bigint[], $9::bigint[], $10::text[], $11::int[],"
                    " $12::bigint[]) AS q"};
const Statement kExpireKeys{"expire_keys", "DELETE FROM idempotency WHERE tenant = $1::uuid AND expires <= $2::bigint"};
const Statement kInsertKeys{
    "insert_keys", "INSERT INTO idempotency(tenant, key, hash, answer, first_lsn, lsn, expires) SELECT $1::uuid, q.* FROM"
                   " unnest($2::bytea[], $3::bytea[], $4::bytea[], $5::bigint[], $6::bigint[], $7::bigint[]) AS q"
                   " ON CONFLICT (tenant, key) DO UPDATE SET hash = excluded.hash, answer = excluded.answer,"
                   " first_lsn = excluded.first_lsn, lsn = excluded.lsn, expires = excluded.expires"};
const Statement kCount{
    "count", "INSERT INTO counters(tenant, name, value) SELECT $1::uuid, q.* FROM unnest($2::text[], $3::bigint[]) AS q"
             " ON CONFLICT (tenant, name) DO UPDATE SET value = counters.value + excluded.value"};
const Statement kDropZeroCounters{
    "drop_zero_counters", "DELETE FROM counters c USING unnest($2::text[]) AS q(name) WHERE c.tenant = $1::uuid AND"
                          " c.name = q.name AND c.value = 0"};

const Statement kFill{
    "fill", "WITH next AS (UPDATE tenants SET fills = fills + 1 WHERE tenant = $1::uuid RETURNING fills)"
            " INSERT INTO vectors(tenant, rid, space, scale, codes, filled) SELECT $1::uuid, q.rid, $2::int, q.scale, q.codes,"
            " next.fills FROM next CROSS JOIN unnest($3::bigint[], $4::real[], $5::bytea[]) AS q(rid, scale, codes)"
            " CROSS JOIN LATERAL (SELECT w.lsn_to, w.deleted FROM versions w WHERE w.tenant = $1::uuid AND w.rid = q.rid"
            " LIMIT 1) v WHERE v.lsn_to = " CURRENT " AND v.deleted = 0 ON CONFLICT (tenant, rid, space) DO UPDATE SET"
            " scale = excluded.scale, codes = excluded.codes, filled = excluded.filled RETURNING rid"};
const Statement kPrepareSpace{"prepare_space", "UPDATE spaces SET active = CASE WHEN id = $2::int THEN 2 ELSE 0 END WHERE"
                                               " tenant = $1::uuid AND active <> 1"};
const Statement kCreateSpace{
    "create_space", "WITH next AS (UPDATE tenants SET next_space = next_space + 1 WHERE tenant = $1::uuid"
                    " RETURNING next_space - 1 AS id) INSERT INTO spaces(tenant, id, name, dimensions, active)"
                    " SELECT $1::uuid, next.id, $2::text, $3::int, 0 FROM next RETURNING id"};
const Statement kActivateSpace{
    "activate_space", "UPDATE spaces SET active = CASE WHEN id = $2::int THEN 1 ELSE 0 END WHERE tenant = $1::uuid"};
const Statement kDropSpaceVectors{"drop_space_vectors", "DELETE FROM vectors WHERE tenant = $1::uuid AND space = $2::int"};
const Statement kDropSpace{"drop_space", "DELETE FROM spaces WHERE tenant = $1::uuid AND id = $2::int RETURNING 1"};
const Statement kHold{"hold", "INSERT INTO holds(tenant, name, lsn) VALUES($1::uuid, $2::text, $3::bigint)"
                              " ON CONFLICT (tenant, name) DO UPDATE SET lsn = excluded.lsn"};
const Statement kRelease{"release", "DELETE FROM holds WHERE tenant = $1::uuid AND name = $2::text"};

std::span<const Statement* const> tenantStatements() {
    static constexpr std::array kAll{
        &kCreateTenant,   &kFindTenant,    &kLockTenant,    &kWrittenTenant,    &kStats,         &kCounters,
        &kById,           &kByRid,         &kByName,        &kHistory,          &kOutgoing,      &kIncoming,
        &kFilled,         &kUnfilled,      &kFill,          &kPrepareSpace,
        &kFacts,          &kTerms,         &kVectors,       &kPurgesSince,      &kSpaces,        &kSpacesCovered,
        &kEveryVersion,   &kEveryVector,   &kEveryEdge,     &kLaterKeys,
        &kFeedVersions,   &kFeedEdges,     &kFeedPurges,    &kNewest,           &kNamesTaken,    &kLiveEdges,
        &kKnownKeys,      &kKeysOfPurged,  &kLimitCounters, &kForgetAnswers, &kPurgeVectors,     &kPurgeVersions, &kPurgeEdgesFrom, &kPurgeEdgesTo,
        &kNotePurges,     &kCloseVersions, &kInsertVersions, &kInsertVectors,   &kCloseEdges,    &kInsertEdges,
        &kExpireKeys,     &kInsertKeys,    &kCount,         &kDropZeroCounters, &kCreateSpace,   &kActivateSpace,
        &kDropSpaceVectors, &kDropSpace,   &kHold,          &kRelease};
    return kAll;
}

}  // namespace engram::storage_postgres
