// SQLite's C API with owners: connections and prepared statements. A connection is used by one thread at a time.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <exception>
#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace engram::storage_sqlite {

// What SQLite answered, with the statuses of the ABI in mind. Thrown, and caught at the plugin's border.
struct SqliteError : std::exception {
    int code;  // extended result code
    std::string message;
    SqliteError(int c, std::string m) : code(c), message(std::move(m)) {}
    const char* what() const noexcept override { return message.c_str(); }
    // The file is not what it should be: its bytes, or that it lies elsewhere now.
    bool damaged() const {
        return (code & 0xFF) == SQLITE_CORRUPT || (code & 0xFF) == SQLITE_NOTADB || code == SQLITE_READONLY_DBMOVED;
    }
    bool full() const { return (code & 0xFF) == SQLITE_FULL; }
    // The disk failed: what it holds of the last write is unknown.
    bool io() const { return (code & 0xFF) == SQLITE_IOERR && code != SQLITE_IOERR_NOMEM; }
};

class Connection;

// A prepared statement in use: bound, stepped, and reset when it goes out of scope.
class Statement {
public:
    Statement(Connection& connection, sqlite3_stmt* statement) : connection_(connection), statement_(statement) {}
    Statement(const Statement&) = delete;
    ~Statement() {
        sqlite3_reset(statement_);
        sqlite3_clear_bindings(statement_);
    }

    // Parameters count from 1. Texts and blobs are borrowed until the statement ends.
    Statement& bind(int index, int64_t value);
    Statement& bind(int index, uint64_t value) { return bind(index, static_cast<int64_t>(value)); }
    Statement& bind(int index, double value);
    Statement& bindNull(int) { return *this; }  // cleared bindings are NULL
    Statement& bindText(int index, std::string_view value);
    Statement& bindBlob(int index, std::string_view value);

    bool step();  // true: a row
    void run() { step(); }

    bool isNull(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }
    int64_t integer(int column) const { return sqlite3_column_int64(statement_, column); }
    double real(int column) const { return sqlite3_column_double(statement_, column); }
    // Valid until the next step.
    std::string_view text(int column) const;
    std::string_view blob(int column) const;

private:
    Connection& connection_;
    sqlite3_stmt* statement_;
};

class Connection {
public:
    enum class Role { Writer, Reader };  // a reader never writes and never checkpoints

    // Throws SqliteError. `vfs` empty = the default.
    Connection(const std::string& path, Role role, const std::string& vfs, const char* synchronous);
    Connection(const Connection&) = delete;
    ~Connection();

    // The statement for a text that is a constant: prepared once and kept.
    Statement statement(const char* sql) { return {*this, prepared(sql)}; }
    sqlite3_stmt* prepared(const char* sql);
    void execute(const char* sql);
    // Moves the whole log into the file and empties it; both are on disk then. False: somebody still reads what is in the log.
    bool emptyLog();
    // True if what this connection has open is no longer what lies at its path.
    bool moved() const;

    // A reader may keep its snapshot (an open read transaction) from one use to the next: while nothing was published
    // since, taking it again costs no system call. `generation` says what the snapshot holds, see Tenant::generation.
    void takeSnapshot(uint64_t generation);
    void dropSnapshot() noexcept;
    bool holdsSnapshot(uint64_t generation) const { return snapshot_ == generation; }

    sqlite3* handle() const { return handle_; }
    [[noreturn]] void fail(int code, const char* what) const;

private:
    static constexpr uint64_t kNone = UINT64_MAX;

    sqlite3* handle_ = nullptr;
    uint64_t snapshot_ = kNone;  // generation of the open read transaction
    std::map<const char*, sqlite3_stmt*> statements_;
};

}  // namespace engram::storage_sqlite
