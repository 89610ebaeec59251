#include "connection.hpp"

#include <cerrno>

namespace engram::storage_sqlite {
namespace {

constexpr int kBusyMilliseconds = 5000;

// SQLite calls a full disk by its name only when write() says so: quotas, and the growing of the log's index, come as
// I/O errors. `system` is errno (sqlite3_system_errno() does not know of what fails inside of a COMMIT).
int withReason(int code, int system) {
    const bool grows = code == SQLITE_IOERR_WRITE || code == SQLITE_IOERR_SHMSIZE || code == SQLITE_IOERR_SHMOPEN;
    return grows && (system == ENOSPC || system == EDQUOT) ? SQLITE_FULL : code;
}

}  // namespace

Statement& Statement::bind(int index, int64_t value) {
    if (const int rc = sqlite3_bind_int64(statement_, index, value); rc != SQLITE_OK) connection_.fail(rc, "bind");
    return *this;
}

Statement& Statement::bind(int index, double value) {
    if (const int rc = sqlite3_bind_double(statement_, index, value); rc != SQLITE_OK) connection_.fail(rc, "bind");
    return *this;
}

Statement& Statement::bindText(int index, std::string_view value) {
    const int rc = sqlite3_bind_text64(statement_, index, value.data() ? value.data() : "", value.size(), SQLITE_STATIC,
                                       SQLITE_UTF8);
    if (rc != SQLITE_OK) connection_.fail(rc, "bind");
    return *this;
}

Statement& Statement::bindBlob(int index, std::string_view value) {
    const int rc = sqlite3_bind_blob64(statement_, index, value.data() ? value.data() : "", value.size(), SQLITE_STATIC);
    if (rc != SQLITE_OK) connection_.fail(rc, "bind");
    return *this;
}

bool Statement::step() {
    const int rc = sqlite3_step(statement_);
    if (rc == SQLITE_ROW) return true;
    if (rc == SQLITE_DONE) return false;
    connection_.fail(rc, sqlite3_sql(statement_));
}

std::string_view Statement::text(int column) const {
    const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
    return {bytes ? bytes : "", static_cast<size_t>(sqlite3_column_bytes(statement_, column))};
}

std::string_view Statement::blob(int column) const {
    const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement_, column));
    return {bytes ? bytes : "", static_cast<size_t>(sqlite3_column_bytes(statement_, column))};
}

Connection::Connection(const std::string& path, Role role, const std::string& vfs, const char* synchronous) {
    const int access = role == Role::Writer ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READWRITE;
    const int rc = sqlite3_open_v2(path.c_str(), &handle_, access | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW,
                                   vfs.empty() ? nullptr : vfs.c_str());
    if (rc != SQLITE_OK) {
        const std::string why = handle_ ? sqlite3_errmsg(handle_) : sqlite3_errstr(rc);
        sqlite3_close_v2(handle_);
        throw SqliteError(rc, path + ": " + why);
    }
    try {
        sqlite3_extended_result_codes(handle_, 1);
        sqlite3_busy_timeout(handle_, kBusyMilliseconds);
        sqlite3_limit(handle_, SQLITE_LIMIT_ATTACHED, 1);  // VACUUM INTO attaches its target
        sqlite3_db_config(handle_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
        sqlite3_db_config(handle_, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
        for (const char* pragma : {"PRAGMA cell_size_check=ON", "PRAGMA temp_store=MEMORY", "PRAGMA mmap_size=0",
                                   "PRAGMA secure_delete=ON"})
            execute(pragma);
        if (role == Role::Reader) {
            // One connection alone checkpoints; this also avoids the WAL-reset fault of SQLite before 3.51.3.
            sqlite3_db_config(handle_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
            execute("PRAGMA query_only=ON");
            execute("PRAGMA cache_size=-1024");
        } else {
            execute("PRAGMA journal_mode=WAL");
            execute(synchronous);
            execute("PRAGMA cache_size=-4096");
        }
        // After WAL is on: nobody but the maintenance of the writing connection moves pages into the file.
        execute("PRAGMA wal_autocheckpoint=0");
    } catch (...) {
        sqlite3_close_v2(handle_);
        throw;
    }
}

Connection::~Connection() {
    for (auto& [sql, statement] : statements_) sqlite3_finalize(statement);
    sqlite3_close_v2(handle_);
}

void Connection::fail(int code, const char* what) const {
    const int system = errno;
    const int extended = sqlite3_extended_errcode(handle_);
    throw SqliteError(withReason(extended ? extended : code, system),
                      std::string(sqlite3_errmsg(handle_)) + " (" + std::string(what).substr(0, 60) + ")");
}

sqlite3_stmt* Connection::prepared(const char* sql) {
    auto [it, fresh] = statements_.emplace(sql, nullptr);
    if (fresh) {
        const int rc = sqlite3_prepare_v3(handle_, sql, -1, SQLITE_PREPARE_PERSISTENT, &it->second, nullptr);
        if (rc != SQLITE_OK) {
            statements_.erase(it);
            fail(rc, sql);
        }
    }
    return it->second;
}

void Connection::takeSnapshot(uint64_t generation) {
    dropSnapshot();
    statement("BEGIN").run();
    try {
        statement("SELECT folded FROM meta").step();  // the transaction begins with its first read
    } catch (...) {
        sqlite3_exec(handle_, "ROLLBACK", nullptr, nullptr, nullptr);
        throw;
    }
    snapshot_ = generation;
}

void Connection::dropSnapshot() noexcept {
    if (snapshot_ == kNone) return;
    snapshot_ = kNone;
    sqlite3_exec(handle_, "ROLLBACK", nullptr, nullptr, nullptr);
}

bool Connection::emptyLog() {
    sqlite3_busy_timeout(handle_, 0);
    const int rc = sqlite3_wal_checkpoint_v2(handle_, nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
    const int system = errno;
    sqlite3_busy_timeout(handle_, kBusyMilliseconds);
    if ((rc & 0xFF) == SQLITE_BUSY) return false;
    errno = system;
    if (rc != SQLITE_OK) fail(rc, "checkpoint");
    return true;
}

bool Connection::moved() const {
    int moved = 0;
    return sqlite3_file_control(handle_, "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK && moved != 0;
}

void Connection::execute(const char* sql) {
    if (const int rc = sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr); rc != SQLITE_OK) fail(rc, sql);
}

}  // namespace engram::storage_sqlite
