#include "usage_database.hpp"

#include <engram/cpp/text.hpp>

#include <Poco/Data/RecordSet.h>
#include <Poco/Data/SQLite/Utility.h>
#include <Poco/Data/Statement.h>
#include <Poco/DateTimeFormatter.h>
#include <Poco/Exception.h>
#include <Poco/Timestamp.h>

#include <sqlite3.h>

#include <array>

namespace engram::metering_sqlite {
namespace {

using namespace Poco::Data::Keywords;

constexpr int kSchemaVersion = 1;
constexpr int64_t kDay = 24LL * 3600 * 1000;

// Counters of an event are kept as JSON: {"unit": n}; requests and errors are units of usage_daily too.
constexpr const char* kSchema[] = {
    "CREATE TABLE usage_events(event_id BLOB PRIMARY KEY, tenant_id TEXT NOT NULL, workspace TEXT NOT NULL,"
    " route TEXT NOT NULL, status_code INTEGER NOT NULL, counters TEXT NOT NULL, occurred_at INTEGER NOT NULL)"
    " WITHOUT ROWID",
    "CREATE TABLE usage_daily(tenant_id TEXT NOT NULL, day TEXT NOT NULL, workspace TEXT NOT NULL, route TEXT NOT NULL,"
    " unit TEXT NOT NULL, n INTEGER NOT NULL, PRIMARY KEY(tenant_id, day, workspace, route, unit)) WITHOUT ROWID",
};

constexpr const char* kRequests = "requests";
constexpr const char* kErrors = "errors";

[[noreturn]] void fail(sqlite3* handle) { throw Poco::DataException(sqlite3_errmsg(handle), sqlite3_extended_errcode(handle)); }

sqlite3_stmt* prepare(sqlite3* handle, const char* sql) {
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v3(handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr) != SQLITE_OK) fail(handle);
    return statement;
}

void bindText(sqlite3_stmt* statement, int index, std::string_view text) {
    sqlite3_bind_text64(statement, index, text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8);
}

void run(sqlite3* handle, sqlite3_stmt* statement) {
    const int rc = sqlite3_step(statement);
    sqlite3_reset(statement);
    if (rc != SQLITE_DONE) fail(handle);
}

// Units are names from the host; what could end a JSON string is left out.
std::string countersJson(const engram_event& event) {
    std::string json = "{";
    for (size_t i = 0; i < event.n_counters; ++i) {
        if (i > 0) json += ',';
        json += '"';
        for (char c : view(event.counters[i].unit))
            if (c != '"' && c != '\\' && static_cast<unsigned char>(c) >= 0x20) json += c;
        json += "\":" + std::to_string(event.counters[i].n);
    }
    return json + "}";
}

// A UUIDv7 starts with 48 bits of milliseconds (RFC 9562): the least id of a time.
std::array<unsigned char, 16> leastId(int64_t milliseconds) {
    std::array<unsigned char, 16> id{};
    const uint64_t time = milliseconds < 0 ? 0 : static_cast<uint64_t>(milliseconds);
    for (size_t i = 0; i < 6; ++i) id[i] = static_cast<unsigned char>(time >> (40 - 8 * i));
    return id;
}

}  // namespace

std::string dayOf(int64_t milliseconds) {
    return Poco::DateTimeFormatter::format(Poco::Timestamp(milliseconds * 1000), "%Y-%m-%d");
}

UsageDatabase::UsageDatabase(const std::string& path)
    : session_("SQLite", path), handle_(Poco::Data::SQLite::Utility::dbHandle(session_)) {
    for (const char* pragma : {"PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", "PRAGMA trusted_schema=OFF",
                               "PRAGMA cell_size_check=ON"})
        if (sqlite3_exec(handle_, pragma, nullptr, nullptr, nullptr) != SQLITE_OK) fail(handle_);
    migrate();
    insert_event_ = prepare(handle_, "INSERT OR IGNORE INTO usage_events VALUES(?, ?, ?, ?, ?, ?, ?)");
    add_to_day_ = prepare(handle_,
                          "INSERT INTO usage_daily VALUES(?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n");
}

UsageDatabase::~UsageDatabase() {
    sqlite3_finalize(insert_event_);
    sqlite3_finalize(add_to_day_);
}

void UsageDatabase::migrate() {
    int version = 0;
    session_ << "PRAGMA user_version", into(version), now;
    if (version > kSchemaVersion) throw Poco::DataException("usage.db was written by a newer version of this plugin; use that one");
    if (version == kSchemaVersion) return;
    session_ << "BEGIN IMMEDIATE", now;
    for (const char* statement : kSchema) session_ << statement, now;
    session_ << "PRAGMA user_version = " + std::to_string(kSchemaVersion), now;
    session_ << "COMMIT", now;
}

const std::string& UsageDatabase::day(int64_t milliseconds) {
    const int64_t number = milliseconds / kDay;
    if (number != last_day_.first) last_day_ = {number, dayOf(milliseconds)};
    return last_day_.second;
}

bool UsageDatabase::insert(const engram_event& event) {
    const std::string counters = countersJson(event);
    sqlite3_bind_blob(insert_event_, 1, event.id.bytes, sizeof event.id.bytes, SQLITE_STATIC);
    bindText(insert_event_, 2, view(event.tenant));
    bindText(insert_event_, 3, view(event.workspace));
    bindText(insert_event_, 4, view(event.route));
    sqlite3_bind_int64(insert_event_, 5, event.status_code);
    bindText(insert_event_, 6, counters);
    sqlite3_bind_int64(insert_event_, 7, event.occurred_at);
    run(handle_, insert_event_);
    return sqlite3_changes(handle_) > 0;
}

void UsageDatabase::addToDays(const std::map<Key, uint64_t>& sums) {
    for (const auto& [key, n] : sums) {
        bindText(add_to_day_, 1, key.tenant);
        bindText(add_to_day_, 2, key.day);
        bindText(add_to_day_, 3, key.workspace);
        bindText(add_to_day_, 4, key.route);
        bindText(add_to_day_, 5, key.unit);
        sqlite3_bind_int64(add_to_day_, 6, static_cast<int64_t>(n));
        run(handle_, add_to_day_);
    }
}

void UsageDatabase::add(const engram_event* events, size_t n) {
    session_ << "BEGIN IMMEDIATE", now;
    try {
        std::map<Key, uint64_t> sums;
        for (size_t i = 0; i < n; ++i) {
            const engram_event& event = events[i];
            if (!insert(event)) continue;
            Key key{std::string(view(event.tenant)), day(event.occurred_at), std::string(view(event.workspace)),
                    std::string(view(event.route)), kRequests};
            ++sums[key];
            key.unit = kErrors;
            if (event.status_code >= 400) ++sums[key];
            for (size_t c = 0; c < event.n_counters; ++c) {
                key.unit = view(event.counters[c].unit);
                if (key.unit != kRequests && key.unit != kErrors) sums[key] += event.counters[c].n;
            }
        }
        addToDays(sums);
        session_ << "COMMIT", now;
    } catch (...) {
        sqlite3_exec(handle_, "ROLLBACK", nullptr, nullptr, nullptr);
        throw;
    }
}

std::vector<UsageRow> UsageDatabase::query(const std::string& tenant, const std::string& from_day,
                                           const std::string& until_day) {
    std::string id = tenant, from = from_day, until = until_day;
    Poco::Data::Statement statement(session_);
    statement << "SELECT day, workspace, route, unit, n FROM usage_daily WHERE tenant_id = ? AND day >= ? AND day <= ?"
                 " ORDER BY day, workspace, route, unit",
        use(id), use(from), use(until);
    statement.execute();
    Poco::Data::RecordSet found(statement);
    std::vector<UsageRow> rows;
    for (size_t r = 0; r < found.rowCount(); ++r) {
        UsageRow row;
        row.day = found.value(0, r).convert<std::string>();
        row.workspace = found.value(1, r).convert<std::string>();
        row.route = found.value(2, r).convert<std::string>();
        if (rows.empty() || rows.back().day != row.day || rows.back().workspace != row.workspace || rows.back().route != row.route)
            rows.push_back(std::move(row));
        const std::string unit = found.value(3, r).convert<std::string>();
        const auto n = static_cast<uint64_t>(found.value(4, r).convert<Poco::Int64>());
        if (unit == kRequests) rows.back().requests = n;
        else if (unit == kErrors) rows.back().errors = n;
        else rows.back().counters[unit] = n;
    }
    return rows;
}

std::string UsageDatabase::damage() {
    std::string answer;
    session_ << "PRAGMA quick_check(1)", into(answer), now;
    return answer == "ok" ? "" : answer;
}

void UsageDatabase::forgetBefore(int64_t milliseconds, int64_t limit) {
    const auto least = leastId(milliseconds);
    sqlite3_stmt* statement = prepare(handle_,
                                      "DELETE FROM usage_events WHERE event_id IN"
                                      " (SELECT event_id FROM usage_events WHERE event_id < ? ORDER BY event_id LIMIT ?)");
    sqlite3_bind_blob(statement, 1, least.data(), static_cast<int>(least.size()), SQLITE_STATIC);
    sqlite3_bind_int64(statement, 2, limit);
    const int rc = sqlite3_step(statement);
    sqlite3_finalize(statement);
    if (rc != SQLITE_DONE) fail(handle_);
}

}  // namespace engram::metering_sqlite
