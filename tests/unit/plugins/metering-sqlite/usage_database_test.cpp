#include "metering-sqlite/usage_database.hpp"

#include "support/temporary_folder.hpp"
#include "support/test.hpp"

#include <engram/cpp/text.hpp>

#include <Poco/Data/SQLite/Connector.h>
#include <Poco/Exception.h>

#include <sqlite3.h>

#include <deque>

using namespace engram;
using namespace engram::metering_sqlite;
using engram::testing::TemporaryFolder;

namespace {

constexpr int64_t kNoon = 1'795'608'000'000;  // 2026-11-25T12:00:00Z
constexpr int64_t kDay = 86'400'000;

// Events with the storage that they borrow from.
class Events {
public:
    Events& add(unsigned char id, int64_t at, const char* route = "memory.create", uint32_t status = 201,
                std::vector<engram_counter> counters = {}, const char* tenant = "t") {
        counters_.push_back(std::move(counters));
        engram_event event{};
        event.size = sizeof event;
        event.status_code = status;
        for (size_t i = 0; i < 6; ++i) event.id.bytes[i] = static_cast<uint8_t>(at >> (40 - 8 * i));
        event.id.bytes[15] = id;
        event.occurred_at = at;
        event.tenant = engram_lit(tenant);
        event.workspace = engram_lit("default");
        event.route = engram_lit(route);
        event.counters = counters_.back().data();
        event.n_counters = counters_.back().size();
        events_.push_back(event);
        return *this;
    }
    void to(UsageDatabase& database) { database.add(events_.data(), events_.size()); }

private:
    std::vector<engram_event> events_;
    std::deque<std::vector<engram_counter>> counters_;
};

struct Connector {
    Connector() { Poco::Data::SQLite::Connector::registerConnector(); }
};

std::string text(const std::vector<UsageRow>& rows) {
    std::string out;
    for (const UsageRow& row : rows) {
        out += row.day + " " + row.route + " " + std::to_string(row.requests) + "/" + std::to_string(row.errors);
        for (const auto& [unit, n] : row.counters) out += " " + unit + "=" + std::to_string(n);
        out += "\n";
    }
    return out;
}

struct Fixture : Connector {
    TemporaryFolder folder;
    UsageDatabase database{folder / "usage.db"};
    std::string all(const char* tenant = "t") { return text(database.query(tenant, "0000-01-01", "9999-12-31")); }
};

int64_t number(const std::string& file, const char* sql) {
    sqlite3* db = nullptr;
    sqlite3_open(file.c_str(), &db);
    sqlite3_stmt* statement = nullptr;
    sqlite3_prepare_v2(db, sql, -1, &statement, nullptr);
    const int64_t n = sqlite3_step(statement) == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : -1;
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return n;
}

}  // namespace

TEST("an event that comes again changes nothing") {
    Fixture f;
    Events events;
    events.add(1, kNoon, "memory.create", 201, {{engram_lit("bytes_in"), 10}}).add(2, kNoon, "memory.create", 400);
    events.to(f.database);
    const std::string once = f.all();
    CHECK_TEXT("2026-11-25 memory.create 2/1 bytes_in=10\n", once);
    events.to(f.database);
    CHECK_TEXT(once, f.all());
    Events both;
    both.add(2, kNoon, "memory.create", 400).add(3, kNoon).add(3, kNoon);
    both.to(f.database);
    CHECK_TEXT("2026-11-25 memory.create 3/1 bytes_in=10\n", f.all());
    CHECK_EQ(int64_t(3), number(f.folder / "usage.db", "SELECT count(*) FROM usage_events"));
}

TEST("sums are by day in UTC, route and tenant, and days are inclusive") {
    Fixture f;
    Events()
        .add(1, kNoon).add(2, kNoon + kDay / 2 - 1).add(3, kNoon + kDay / 2).add(4, kNoon, "memory.search", 200)
        .add(5, kNoon, "memory.create", 201, {}, "other")
        .to(f.database);
    CHECK_TEXT("2026-11-25 memory.create 2/0\n2026-11-25 memory.search 1/0\n2026-11-26 memory.create 1/0\n", f.all());
    CHECK_TEXT("2026-11-25 memory.create 1/0\n", f.all("other"));
    CHECK_TEXT("", f.all("nobody"));
    CHECK_TEXT("2026-11-26 memory.create 1/0\n", text(f.database.query("t", "2026-11-26", "2026-11-26")));
    CHECK_TEXT("2026-11-25", dayOf(kNoon));
}

TEST("what is stored is there after a reopening, and the file is one user's format") {
    TemporaryFolder folder;
    Connector connector;
    {
        UsageDatabase database(folder / "usage.db");
        Events().add(1, kNoon).to(database);
    }
    UsageDatabase again(folder / "usage.db");
    Events().add(1, kNoon).add(2, kNoon).to(again);
    CHECK_TEXT("2026-11-25 memory.create 2/0\n", text(again.query("t", "2026-11-25", "2026-11-25")));
}

TEST("old events go, a bounded number at a time, and their sums stay") {
    Fixture f;
    Events events;
    for (unsigned char i = 0; i < 10; ++i) events.add(i, kNoon - i * kDay);
    events.to(f.database);
    const std::string sums = f.all();
    f.database.forgetBefore(kNoon - 4 * kDay, 3);
    CHECK_EQ(int64_t(7), number(f.folder / "usage.db", "SELECT count(*) FROM usage_events"));
    f.database.forgetBefore(kNoon - 4 * kDay, 1000);
    CHECK_EQ(int64_t(5), number(f.folder / "usage.db", "SELECT count(*) FROM usage_events"));
    CHECK_TEXT(sums, f.all());
}

TEST("units that are names of ours or would break the JSON do no harm") {
    Fixture f;
    Events()
        .add(1, kNoon, "r", 200, {{engram_lit("requests"), 100}, {engram_lit("errors"), 100}, {engram_lit("a\"b\\c"), 1}})
        .to(f.database);
    CHECK_TEXT("2026-11-25 r 1/0 a\"b\\c=1\n", f.all());
    CHECK_EQ(int64_t(1), number(f.folder / "usage.db", "SELECT json_valid(counters) FROM usage_events"));
}

TEST("a file of a newer version is left alone") {
    TemporaryFolder folder;
    Connector connector;
    { UsageDatabase database(folder / "usage.db"); }
    number(folder / "usage.db", "PRAGMA user_version = 99");
    bool refused = false;
    try {
        UsageDatabase database(folder / "usage.db");
    } catch (const Poco::Exception& e) {
        refused = e.displayText().find("newer version") != std::string::npos;
    }
    CHECK(refused);
    CHECK_EQ(int64_t(99), number(folder / "usage.db", "PRAGMA user_version"));
}
