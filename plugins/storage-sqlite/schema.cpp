#include "schema.hpp"

#include <iterator>

namespace engram::storage_sqlite {
namespace {

constexpr int64_t kApplicationId = 0x454E474D;  // "ENGM"
constexpr int64_t kVersion = 2;

constexpr const char* kTables[] = {
    "CREATE TABLE meta(one INTEGER PRIMARY KEY CHECK(one = 1), lsn INTEGER NOT NULL, folded INTEGER NOT NULL)",
    "INSERT INTO meta VALUES(1, 0, 0)",
    // lsn_to is 9223372036854775807 while a version is current; absent times are NULL.
    "CREATE TABLE versions(rid INTEGER PRIMARY KEY, id BLOB NOT NULL, kind INTEGER NOT NULL, workspace TEXT NOT NULL,"
    " name TEXT NOT NULL, type TEXT NOT NULL, parent BLOB NOT NULL, position INTEGER NOT NULL, text TEXT NOT NULL,"
    " metadata TEXT NOT NULL, tags TEXT NOT NULL, importance REAL NOT NULL, occurred_at INTEGER, created_at INTEGER,"
    " updated_at INTEGER, expires_at INTEGER, valid_from INTEGER, valid_until INTEGER, length INTEGER NOT NULL,"
    " deleted INTEGER NOT NULL, version INTEGER NOT NULL, lsn_to INTEGER NOT NULL, terms BLOB NOT NULL,"
    " vectors BLOB NOT NULL, pinned INTEGER NOT NULL DEFAULT 0)",
    "CREATE UNIQUE INDEX versions_id ON versions(id, version)",
    "CREATE INDEX versions_name ON versions(workspace, kind, name) WHERE name <> ''",
    "CREATE TABLE edges(lsn INTEGER PRIMARY KEY, source BLOB NOT NULL, target BLOB NOT NULL, type TEXT NOT NULL,"
    " weight REAL NOT NULL, valid_from INTEGER, valid_until INTEGER, created_at INTEGER, metadata TEXT NOT NULL,"
    " deleted INTEGER NOT NULL, lsn_to INTEGER NOT NULL)",
    "CREATE INDEX edges_source ON edges(source, type, target)",
    "CREATE INDEX edges_target ON edges(target, type, source)",
    "CREATE TABLE purges(lsn INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE)",
    "CREATE TABLE idempotency(key TEXT PRIMARY KEY, hash BLOB NOT NULL, answer BLOB NOT NULL, first_lsn INTEGER NOT NULL,"
    " lsn INTEGER NOT NULL, expires INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE INDEX idempotency_lsn ON idempotency(lsn)",
    "CREATE INDEX idempotency_expires ON idempotency(expires)",
    "CREATE TABLE counters(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE TABLE spaces(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, dimensions INTEGER NOT NULL,"
    " active INTEGER NOT NULL)",
    "CREATE TABLE holds(name TEXT PRIMARY KEY, lsn INTEGER NOT NULL) WITHOUT ROWID",
    // A block holds a term's postings of consecutive rows; `last` is the highest row number in it.
    "CREATE TABLE postings(term BLOB NOT NULL, last INTEGER NOT NULL, block BLOB NOT NULL, PRIMARY KEY(term, last))"
    " WITHOUT ROWID",
};

// From version 1 on: what makes a file of a version one of the next.
constexpr const char* kSteps[] = {
    "ALTER TABLE versions ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0",
};
static_assert(std::size(kSteps) == kVersion - 1);

int64_t pragma(Connection& connection, const char* sql) {
    Statement statement = connection.statement(sql);
    return statement.step() ? statement.integer(0) : 0;
}

}  // namespace

void migrate(Connection& writer) {
    const int64_t version = pragma(writer, "PRAGMA user_version");
    const bool ours = version >= 1 && version <= kVersion && pragma(writer, "PRAGMA application_id") == kApplicationId;
    if (ours && version == kVersion) return;
    if (!ours && (version != 0 || pragma(writer, "SELECT count(*) FROM sqlite_schema") != 0))
        throw SqliteError(SQLITE_NOTADB, "the file is not of this version of storage-sqlite");
    // A log that is there may be of a process that ended badly: it is moved into the file before anything is written.
    if (ours && !writer.emptyLog()) throw SqliteError(SQLITE_BUSY, "somebody still reads the file, which is of an older version");
    writer.execute("BEGIN IMMEDIATE");
    try {
        if (ours) {
            for (int64_t step = version; step < kVersion; ++step) writer.execute(kSteps[step - 1]);
        } else {
            for (const char* sql : kTables) writer.execute(sql);
            writer.execute(("PRAGMA application_id=" + std::to_string(kApplicationId)).c_str());
        }
        writer.execute(("PRAGMA user_version=" + std::to_string(kVersion)).c_str());
        writer.execute("COMMIT");
    } catch (...) {
        sqlite3_exec(writer.handle(), "ROLLBACK", nullptr, nullptr, nullptr);
        throw;
    }
}

}  // namespace engram::storage_sqlite
