// libpq with owners: a connection to PostgreSQL that sends statements in pipelines, one round trip for many, and never
// waits without a deadline. One thread at a time.
#pragma once

#include "parameters.hpp"

#include <libpq-fe.h>

#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace engram::storage_postgres {

// A statement of this plugin: a constant text, prepared once a connection under its name.
struct Statement {
    const char* name;
    const char* sql;
};

// What PostgreSQL or the way to it answered. Thrown, and caught at the plugin's border.
struct PostgresError : std::exception {
    std::string state;  // SQLSTATE; empty when the connection failed
    std::string message;
    PostgresError(std::string s, std::string m) : state(std::move(s)), message(std::move(m)) {}
    const char* what() const noexcept override { return message.c_str(); }
    // The connection is of no more use; another one may be.
    bool lost() const;
    bool full() const { return state.starts_with("53") && state != "53300"; }  // disk or memory
    bool damaged() const { return state == "XX001" || state == "XX002"; }
    // The values were refused, not the way they were sent.
    bool refusedValues() const { return state.starts_with("22") || state.starts_with("23"); }
    // Nothing is wrong but the moment: a deadlock or a conflict.
    bool conflict() const { return state == "40001" || state == "40P01"; }
};

class Result {
public:
    explicit Result(PGresult* result) : result_(result, &PQclear) {}
    int rows() const { return PQntuples(result_.get()); }
    int columns() const { return PQnfields(result_.get()); }
    bool isNull(int row, int column) const { return PQgetisnull(result_.get(), row, column) != 0; }
    // Borrowed from the result. NULL is empty.
    std::string_view bytes(int row, int column) const {
        return {PQgetvalue(result_.get(), row, column), static_cast<size_t>(PQgetlength(result_.get(), row, column))};
    }
    int64_t integer(int row, int column) const { return binary::toInteger(bytes(row, column)); }
    int32_t small(int row, int column) const { return binary::toSmall(bytes(row, column)); }
    engram_time time(int row, int column) const {
        return isNull(row, column) ? ENGRAM_TIME_NONE : integer(row, column);
    }

private:
    std::unique_ptr<PGresult, void (*)(PGresult*)> result_;
};

struct ConnectOptions {
    std::string url;     // a URL or keywords, as libpq reads them
    std::string schema;  // first and only in the search path
    std::chrono::milliseconds connect{5000}, statement{30000}, lock{10000};
};

class Session {
public:
    // Throws PostgresError, without the password in it.
    explicit Session(const ConnectOptions& options);
    Session(const Session&) = delete;

    // Statements wait until flush() sends them together and returns their results in order. The first that fails is
    // thrown, those after it were not run; the transaction is then to be ended by rollback().
    Session& queue(const Statement& statement, const Parameters& parameters = {});
    std::vector<Result> flush();
    // One text of this plugin's own, not prepared: migration and tests.
    Result run(const std::string& sql, const Parameters& parameters = {});

    // Ends what is open. False: the connection is of no more use.
    bool rollback() noexcept;
    bool usable() const;
    std::string quoted(std::string_view identifier) const;
    std::string server() const;  // where it is, for messages

private:
    struct Sent {
        const Statement* prepares;  // nullptr: an execution
    };
    void check(int sent);
    void send();
    PGresult* next();
    void await(short events);
    [[noreturn]] void fail(const PGresult* result);
    [[noreturn]] void lose(const std::string& why);

    std::unique_ptr<PGconn, void (*)(PGconn*)> connection_;
    std::chrono::milliseconds patience_;  // longer than the server's own timeouts
    std::chrono::steady_clock::time_point deadline_{};
    std::set<const char*> prepared_;
    std::vector<Sent> sent_;
    bool lost_ = false;
};

}  // namespace engram::storage_postgres
