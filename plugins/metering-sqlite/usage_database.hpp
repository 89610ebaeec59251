// usage.db: one row an event (usage_events) and sums by day (usage_daily), kept in one transaction, so that an event that
// comes again changes nothing. One connection; not thread-safe, the plugin locks.
#pragma once

#include <engram/metering.h>

#include <Poco/Data/Session.h>

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

struct sqlite3;
struct sqlite3_stmt;

namespace engram::metering_sqlite {

struct UsageRow {
    std::string day, workspace, route;
    uint64_t requests = 0, errors = 0;
    std::map<std::string, uint64_t> counters;
};

// "2026-11-24", in UTC, of milliseconds since 1970.
std::string dayOf(int64_t milliseconds);

class UsageDatabase {
public:
    // Opens or makes the file. Throws Poco::Exception.
    explicit UsageDatabase(const std::string& path);
    UsageDatabase(const UsageDatabase&) = delete;
    ~UsageDatabase();

    // Reads through the whole file; what SQLite finds wrong first, empty = sound. Throws Poco::Exception.
    std::string damage();

    // All or none; durable on return. Events whose id is known are skipped. Throws Poco::Exception.
    void add(const engram_event* events, size_t n);

    // Days from..until inclusive, by day, workspace, route. Throws Poco::Exception.
    std::vector<UsageRow> query(const std::string& tenant, const std::string& from_day, const std::string& until_day);

    // Removes at most `limit` events before a time (milliseconds since 1970); the sums stay. Throws Poco::Exception.
    void forgetBefore(int64_t milliseconds, int64_t limit);

private:
    struct Key {
        std::string tenant, day, workspace, route, unit;
        auto operator<=>(const Key&) const = default;
    };

    void migrate();
    bool insert(const engram_event& event);
    void addToDays(const std::map<Key, uint64_t>& sums);
    const std::string& day(int64_t milliseconds);

    Poco::Data::Session session_;
    sqlite3* handle_;
    sqlite3_stmt* insert_event_ = nullptr;
    sqlite3_stmt* add_to_day_ = nullptr;
    std::pair<int64_t, std::string> last_day_{-1, ""};
};

}  // namespace engram::metering_sqlite
