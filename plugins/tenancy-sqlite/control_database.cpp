#include "control_database.hpp"

#include <Poco/Data/RecordSet.h>
#include <Poco/Data/SQLite/SQLiteException.h>
#include <Poco/Data/SQLite/Utility.h>
#include <Poco/Data/Statement.h>
#include <Poco/Nullable.h>

#include <sqlite3.h>

#include <algorithm>

namespace engram::tenancy_sqlite {
namespace {

using namespace Poco::Data::Keywords;
using Poco::Data::Session;
using Poco::Data::Statement;
using NullableText = Poco::Nullable<std::string>;

constexpr int kSchemaVersion = 1;

constexpr const char* kNow = "strftime('%Y-%m-%dT%H:%M:%fZ','now')";

constexpr const char* kSchema[] = {
    "CREATE TABLE control(one INTEGER PRIMARY KEY CHECK(one = 1), epoch INTEGER NOT NULL)",
    "INSERT INTO control VALUES(1, 0)",
    "CREATE TABLE tenants(id TEXT PRIMARY KEY, slug TEXT NOT NULL UNIQUE, name TEXT NOT NULL, status TEXT NOT NULL,"
    " owner_user_id TEXT NOT NULL, plan TEXT NOT NULL, created_at TEXT, updated_at TEXT, extra TEXT NOT NULL,"
    " version INTEGER NOT NULL, epoch INTEGER NOT NULL)",
    "CREATE TABLE tenant_members(tenant_id TEXT NOT NULL, user_id TEXT NOT NULL, role TEXT NOT NULL, created_at TEXT,"
    " updated_at TEXT, extra TEXT NOT NULL, version INTEGER NOT NULL, epoch INTEGER NOT NULL,"
    " PRIMARY KEY(tenant_id, user_id))",
    "CREATE TABLE tenant_invites(id TEXT PRIMARY KEY, tenant_id TEXT NOT NULL, email TEXT NOT NULL, role TEXT NOT NULL,"
    " token_hash TEXT NOT NULL, expires_at TEXT, accepted_at TEXT, invited_by TEXT NOT NULL, created_at TEXT,"
    " updated_at TEXT, extra TEXT NOT NULL, version INTEGER NOT NULL, epoch INTEGER NOT NULL, UNIQUE(tenant_id, email))",
    "CREATE TABLE workspaces(id TEXT PRIMARY KEY, tenant_id TEXT NOT NULL, name TEXT NOT NULL, created_at TEXT,"
    " updated_at TEXT, extra TEXT NOT NULL, version INTEGER NOT NULL, epoch INTEGER NOT NULL, UNIQUE(tenant_id, name))",
    "CREATE TABLE api_keys(id TEXT PRIMARY KEY, tenant_id TEXT NOT NULL, name TEXT NOT NULL, prefix TEXT NOT NULL UNIQUE,"
    " key_hash TEXT NOT NULL, scopes TEXT NOT NULL, last_used_at TEXT, expires_at TEXT, revoked_at TEXT,"
    " created_by TEXT NOT NULL, replaced_by TEXT, created_at TEXT, updated_at TEXT, extra TEXT NOT NULL,"
    " version INTEGER NOT NULL, epoch INTEGER NOT NULL)",
    "CREATE INDEX api_keys_tenant ON api_keys(tenant_id, id)",
    "CREATE TABLE plan_quotas(plan TEXT PRIMARY KEY, memories INTEGER, workspaces INTEGER, identities INTEGER,"
    " sessions INTEGER, api_calls_day INTEGER, storage_bytes INTEGER, rpm INTEGER, burst INTEGER, created_at TEXT,"
    " updated_at TEXT, extra TEXT NOT NULL, version INTEGER NOT NULL, epoch INTEGER NOT NULL)",
    "CREATE TABLE subscriptions(tenant_id TEXT PRIMARY KEY, stripe_customer_id TEXT, stripe_subscription_id TEXT,"
    " status TEXT NOT NULL, current_period_end TEXT, created_at TEXT, updated_at TEXT, extra TEXT NOT NULL,"
    " version INTEGER NOT NULL, epoch INTEGER NOT NULL)",
    "CREATE TABLE deletions(epoch INTEGER NOT NULL, kind INTEGER NOT NULL, tenant TEXT NOT NULL, id TEXT NOT NULL,"
    " version INTEGER NOT NULL)",
    "CREATE INDEX deletions_epoch ON deletions(epoch)",
};

int64_t integer(Session& session, const std::string& sql) {
    Poco::Int64 value = 0;
    session << sql, into(value), now;
    return value;
}

std::string columnList(const Kind& kind) {
    std::string list;
    for (const Column& column : kind.columns) list += std::string(column.name) + ", ";
    return list + "extra, version, epoch";
}

// "id = ?" or "tenant_id = ? AND user_id = ?": what identifies a document of the kind.
std::string identity(const Kind& kind) {
    const bool own_id = !kind.tenant_column || std::string_view(kind.id_column) != "user_id";
    return own_id ? std::string(kind.id_column) + " = ?"
                  : std::string(kind.tenant_column) + " = ? AND " + kind.id_column + " = ?";
}

std::vector<std::string> identityValues(const Kind& kind, const std::string& tenant, const std::string& id) {
    const bool own_id = !kind.tenant_column || std::string_view(kind.id_column) != "user_id";
    return own_id ? std::vector<std::string>{id} : std::vector<std::string>{tenant, id};
}

size_t columnIndex(const Kind& kind, std::string_view name) {
    for (size_t i = 0; i < kind.columns.size(); ++i)
        if (kind.columns[i].name == name) return i;
    return 0;
}

// A file that was moved or removed takes writes that nobody finds again.
void refuseIfMoved(Session& session) {
    int moved = 0;
    sqlite3_file_control(Poco::Data::SQLite::Utility::dbHandle(session), "main", SQLITE_FCNTL_HAS_MOVED, &moved);
    if (moved) throw Poco::DataException("control.db was moved or removed; put it back");
}

// A transaction that is rolled back unless it was committed.
class Transaction {
public:
    explicit Transaction(Session& session) : session_(session) { session_ << "BEGIN IMMEDIATE", now; }
    ~Transaction() {
        if (open_) sqlite3_exec(Poco::Data::SQLite::Utility::dbHandle(session_), "ROLLBACK", nullptr, nullptr, nullptr);
    }
    void commit() {
        session_ << "COMMIT", now;
        open_ = false;
    }

private:
    Session& session_;
    bool open_ = true;
};

}  // namespace

ControlDatabase::ControlDatabase(const std::string& path) : session_("SQLite", path) {
    for (const char* pragma : {"PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", "PRAGMA trusted_schema=OFF",
                               "PRAGMA cell_size_check=ON", "PRAGMA foreign_keys=ON"})
        if (sqlite3_exec(Poco::Data::SQLite::Utility::dbHandle(session_), pragma, nullptr, nullptr, nullptr) != SQLITE_OK)
            throw Poco::DataException(path + " is not a usable database: " +
                                      sqlite3_errmsg(Poco::Data::SQLite::Utility::dbHandle(session_)));
    migrate();
}

ControlDatabase::~ControlDatabase() = default;

void ControlDatabase::migrate() {
    const int64_t version = integer(session_, "PRAGMA user_version");
    if (version > kSchemaVersion)
        throw Poco::DataException("control.db was written by a newer version of this plugin; use that one");
    if (version == kSchemaVersion) return;
    Transaction transaction(session_);
    for (const char* statement : kSchema) session_ << statement, now;
    session_ << "PRAGMA user_version = " + std::to_string(kSchemaVersion), now;
    transaction.commit();
}

std::string ControlDatabase::damage() {
    std::string answer;
    session_ << "PRAGMA quick_check(1)", into(answer), now;
    return answer == "ok" ? "" : answer;
}

uint64_t ControlDatabase::epoch() { return static_cast<uint64_t>(integer(session_, "SELECT epoch FROM control")); }

std::vector<Document> ControlDatabase::select(const Kind& kind, const std::string& where,
                                              std::vector<std::string> values) {
    Statement statement(session_);
    statement << "SELECT " + columnList(kind) + " FROM " + kind.table + " WHERE " + where;
    for (std::string& value : values) statement, use(value);
    statement.execute();
    Poco::Data::RecordSet rows(statement);
    std::vector<Document> documents;
    const size_t n = kind.columns.size();
    for (size_t r = 0; r < rows.rowCount(); ++r) {
        Row row;
        for (size_t c = 0; c < n; ++c) {
            const Poco::Dynamic::Var value = rows.value(c, r);
            row.values.push_back(value.isEmpty() ? std::nullopt
                                                 : std::optional<std::string>(value.convert<std::string>()));
        }
        row.extra = rows.value(n, r).convert<std::string>();
        Document document;
        document.kind = kind.id;
        document.version = rows.value(n + 1, r).convert<Poco::UInt64>();
        document.epoch = rows.value(n + 2, r).convert<Poco::UInt64>();
        document.id = row.values[columnIndex(kind, kind.id_column)].value_or("");
        if (kind.tenant_column) document.tenant = row.values[columnIndex(kind, kind.tenant_column)].value_or("");
        document.json = join(kind, row);
        documents.push_back(std::move(document));
    }
    return documents;
}

std::optional<Document> ControlDatabase::get(const Kind& kind, const std::string& tenant, const std::string& key,
                                             bool by_name) {
    std::string where = std::string(by_name ? kind.name_column : kind.id_column) + " = ?";
    std::vector<std::string> values = {key};
    if (kind.tenant_column && !tenant.empty()) {
        where += std::string(" AND ") + kind.tenant_column + " = ?";
        values.push_back(tenant);
    }
    auto found = select(kind, where, std::move(values));
    if (found.empty()) return std::nullopt;
    return std::move(found.front());
}

std::vector<Document> ControlDatabase::list(const Kind& kind, const std::string& tenant, const std::string& after,
                                            uint32_t limit) {
    std::string where = std::string(kind.id_column) + " > ?";
    std::vector<std::string> values = {after};
    if (kind.tenant_column && !tenant.empty()) {
        where += std::string(" AND ") + kind.tenant_column + " = ?";
        values.push_back(tenant);
    }
    where += std::string(" ORDER BY ") + kind.id_column + " LIMIT " + std::to_string(limit);
    return select(kind, where, std::move(values));
}

ApplyResult ControlDatabase::apply(const std::vector<Change>& changes) {
    ApplyResult result;
    refuseIfMoved(session_);
    Transaction transaction(session_);
    result.epoch = epoch();
    for (size_t i = 0; i < changes.size(); ++i) {
        result.applied = applyOne(changes[i], ++result.epoch);
        if (result.applied != Applied::Done) {
            result.failed = i;
            return result;
        }
    }
    Poco::Int64 value = static_cast<Poco::Int64>(result.epoch);
    session_ << "UPDATE control SET epoch = ?", use(value), now;
    transaction.commit();
    return result;
}

uint64_t ControlDatabase::count(const Kind& kind, const std::string& tenant) {
    Poco::UInt64 n = 0;
    std::string bound = tenant;
    if (kind.tenant_column)
        session_ << std::string("SELECT COUNT(*) FROM ") + kind.table + " WHERE " + kind.tenant_column + " = ?", use(bound),
            into(n), now;
    else
        session_ << std::string("SELECT COUNT(*) FROM ") + kind.table, into(n), now;
    return n;
}

Applied ControlDatabase::applyOne(const Change& change, uint64_t epoch) {
    const Kind& kind = *change.kind;
    auto current = select(kind, identity(kind), identityValues(kind, change.tenant, change.id));
    const uint64_t version = current.empty() ? 0 : current.front().version;
    const bool foreign = !current.empty() && kind.tenant_column && current.front().tenant != change.tenant;
    if (foreign || (change.expected != ENGRAM_ANY_VERSION && change.expected != version)) return Applied::VersionDiffers;

    if (!change.row) {
        if (current.empty()) return Applied::VersionDiffers;
        Statement remove(session_);
        remove << std::string("DELETE FROM ") + kind.table + " WHERE " + identity(kind);
        auto values = identityValues(kind, change.tenant, change.id);
        for (std::string& value : values) remove, use(value);
        remove.execute();
        std::string tenant = change.tenant, id = change.id;
        Poco::Int64 at = static_cast<Poco::Int64>(epoch), last = static_cast<Poco::Int64>(version);
        int number = static_cast<int>(kind.id);
        session_ << "INSERT INTO deletions VALUES(?, ?, ?, ?, ?)", use(at), use(number), use(tenant), use(id), use(last), now;
        return Applied::Done;
    }

    if (current.empty() && change.max_count > 0 && count(kind, change.tenant) >= change.max_count) return Applied::TooMany;

    std::string columns, marks, updates;
    std::vector<NullableText> values;
    for (size_t i = 0; i < kind.columns.size(); ++i) {
        const std::string name = kind.columns[i].name;
        // The plugin keeps these two itself; a document may bring the time of its making when it is new.
        std::string mark = "?";
        if (name == "updated_at") mark = kNow;
        else if (name == "created_at") mark = std::string("COALESCE(?, ") + kNow + ")";
        columns += name + ", ";
        marks += mark + ", ";
        if (name != "created_at") updates += name + " = excluded." + name + ", ";
        if (name == "updated_at") continue;
        values.push_back(change.row->values[i] ? NullableText(*change.row->values[i]) : NullableText());
    }
    Statement put(session_);
    put << std::string("INSERT INTO ") + kind.table + "(" + columns + "extra, version, epoch) VALUES(" + marks +
               "?, ?, ?) ON CONFLICT(" +
               (std::string_view(kind.id_column) == "user_id" ? "tenant_id, user_id" : kind.id_column) +
               ") DO UPDATE SET " + updates +
               "extra = excluded.extra, version = excluded.version, epoch = excluded.epoch";
    for (NullableText& value : values) put, use(value);
    std::string extra = change.row->extra;
    Poco::Int64 next = static_cast<Poco::Int64>(version + 1), at = static_cast<Poco::Int64>(epoch);
    put, use(extra), use(next), use(at);
    try {
        put.execute();
    } catch (const Poco::Data::SQLite::ConstraintViolationException&) {
        return Applied::NameTaken;
    }
    return Applied::Done;
}

std::vector<Document> ControlDatabase::changes(uint64_t after_epoch, uint32_t limit) {
    std::vector<Document> all;
    const std::string after = std::to_string(after_epoch);
    for (const Kind& kind : kinds()) {
        auto some = select(kind, "epoch > CAST(? AS INTEGER) ORDER BY epoch LIMIT " + std::to_string(limit), {after});
        std::move(some.begin(), some.end(), std::back_inserter(all));
    }
    Statement deleted(session_);
    std::string bound = after;
    deleted << "SELECT kind, tenant, id, version, epoch FROM deletions WHERE epoch > CAST(? AS INTEGER) ORDER BY epoch LIMIT " +
                   std::to_string(limit),
        use(bound);
    deleted.execute();
    Poco::Data::RecordSet rows(deleted);
    for (size_t r = 0; r < rows.rowCount(); ++r) {
        Document document;
        document.kind = rows.value(0, r).convert<Poco::UInt32>();
        document.tenant = rows.value(1, r).convert<std::string>();
        document.id = rows.value(2, r).convert<std::string>();
        document.version = rows.value(3, r).convert<Poco::UInt64>();
        document.epoch = rows.value(4, r).convert<Poco::UInt64>();
        all.push_back(std::move(document));
    }
    std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.epoch < b.epoch; });
    if (all.size() > limit) all.resize(limit);
    return all;
}

}  // namespace engram::tenancy_sqlite
