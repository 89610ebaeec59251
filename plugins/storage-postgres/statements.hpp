// Every statement that touches a tenant's rows, as constants. Each names the tenant as its first parameter beside what
// row-level security adds, and finds its rows by an index that begins with the tenant; a test asks PostgreSQL for both.
#pragma once

#include "session.hpp"

#include <span>

namespace engram::storage_postgres {

constexpr int64_t kCurrent = INT64_MAX;  // lsn_to of a current version

// Columns of a version in the order that StoredRow reads; $2 is what the caller wants (ENGRAM_WANT_*).
#define ENGRAM_ROW_COLUMNS                                                                                              \
    "v.rid, v.id, v.kind, v.workspace, CASE WHEN $2::int & 2 <> 0 THEN v.name ELSE '' END, v.type, v.parent,"          \
    " v.position, CASE WHEN $2::int & 1 <> 0 THEN v.text ELSE '' END,"                                                 \
    " CASE WHEN $2::int & 2 <> 0 THEN v.metadata ELSE '' END, CASE WHEN $2::int & 2 <> 0 THEN v.tags ELSE ''::bytea END," \
    " v.importance, v.occurred_at, v.created_at, v.updated_at, v.expires_at, v.valid_from, v.valid_until, v.length,"   \
    " v.deleted, v.version, v.lsn_to, CASE WHEN $2::int & 4 <> 0 THEN v.terms ELSE ''::bytea END,"                     \
    " CASE WHEN $2::int & 8 <> 0 THEN (SELECT string_agg(int4send(x.space) || int4send(octet_length(x.codes)) ||"     \
    " float4send(x.scale) || x.codes, ''::bytea ORDER BY x.space) FROM vectors x WHERE x.tenant = v.tenant AND"        \
    " x.rid = v.rid) END, v.pinned"
constexpr int kRowColumns = 25;  // a statement's own columns come after them

// The transaction around all others.
extern const Statement kBeginRead, kBeginWrite, kCommit, kTenant;

// Tenants.
extern const Statement kCreateTenant, kFindTenant, kLockTenant, kWrittenTenant, kStats, kCounters;

// Reading.
extern const Statement kById, kByRid, kByName, kHistory, kOutgoing, kIncoming;
extern const Statement kFacts, kTerms, kVectors, kFilled, kUnfilled, kPurgesSince, kSpaces, kSpacesCovered;
extern const Statement kFeedVersions, kFeedEdges, kFeedPurges;

// Reading everything, in the order of a key; a page goes on after the key of the row before.
extern const Statement kEveryVersion, kEveryVector, kEveryEdge, kLaterKeys;

// Writing.
extern const Statement kNewest, kNamesTaken, kLiveEdges, kKnownKeys, kKeysOfPurged, kLimitCounters;
extern const Statement kForgetAnswers, kPurgeVectors, kPurgeVersions, kPurgeEdgesFrom, kPurgeEdgesTo, kNotePurges;
extern const Statement kCloseVersions, kInsertVersions, kInsertVectors, kCloseEdges, kInsertEdges;
extern const Statement kExpireKeys, kInsertKeys, kCount, kDropZeroCounters;
extern const Statement kFill, kCreateSpace, kActivateSpace, kPrepareSpace, kDropSpaceVectors, kDropSpace, kHold, kRelease;

// All of the above that name a tenant's table.
std::span<const Statement* const> tenantStatements();

}  // namespace engram::storage_postgres
