// PostgreSQL's own word on every statement: it finds rows by an index that begins with the tenant, and row-level security
// is part of its plan beside it.
#include "database.hpp"
#include "support/test.hpp"

#include <algorithm>
#include <sstream>

using namespace engram::storage_postgres;
using namespace engram::storage_postgres::testing;

namespace {

int parametersOf(const std::string& sql) {
    int most = 0;
    for (size_t at = sql.find('$'); at != std::string::npos; at = sql.find('$', at + 1))
        most = std::max(most, std::atoi(sql.c_str() + at + 1));
    return most;
}

std::vector<std::string> planOf(Session& session, const std::string& sql) {
    session.run("PREPARE asked AS " + sql);
    std::string nulls;
    for (int i = 0; i < parametersOf(sql); ++i) nulls += i ? ", NULL" : "NULL";
    const Result plan = session.run("EXPLAIN EXECUTE asked(" + nulls + ")");
    std::vector<std::string> lines;
    for (int i = 0; i < plan.rows(); ++i) lines.emplace_back(plan.bytes(i, 0));
    session.run("DEALLOCATE asked");
    return lines;
}

bool has(const std::string& line, const char* text) { return line.find(text) != std::string::npos; }

void checkPlan(Session& session, const Statement& statement) {
    const std::vector<std::string> lines = planOf(session, statement.sql);
    std::string whole = std::string(statement.name) + ":\n";
    for (const std::string& line : lines) whole += line + "\n";
    bool scans = false;
    for (size_t i = 0; i < lines.size(); ++i) {
        CHECK_MESSAGE("reads a whole table: " + whole, !has(lines[i], "Seq Scan"));
        CHECK_MESSAGE("reads all of a tenant's rows to find some: " + whole, !has(lines[i], "ANY (") && !has(lines[i], "Join Filter"));
        const bool by_index = has(lines[i], "Index Scan") || has(lines[i], "Index Only Scan");
        if (!by_index) continue;
        scans = true;
        CHECK_MESSAGE("an index without a condition: " + whole, i + 1 < lines.size() && has(lines[i + 1], "Index Cond"));
        CHECK_MESSAGE("not by the tenant: " + whole, has(lines[i + 1], "tenant = $1") || has(lines[i + 1], "tenant = v.tenant") ||
                                                        has(lines[i + 1], "tenant = w.tenant"));
    }
    if (!scans) CHECK_MESSAGE("neither reads by an index nor only inserts: " + whole, has(statement.sql, "INSERT INTO"));
    if (scans) CHECK_MESSAGE("row-level security is not in the plan: " + whole, has(whole, "current_setting('engram.tenant'"));
}

// Enough rows of two tenants that the way to them matters, and PostgreSQL's statistics of them.
void fill(const Database& database) {
    Session session(database.options()), owner(database.options("ENGRAM_POSTGRES_OWNER_URL"));
    for (const uint8_t n : {1, 2}) {
        create(session, idOf(n));
        begin(session, idOf(n));
        const std::string tenant = "current_setting('engram.tenant')::uuid";
        const std::string numbers = " FROM generate_series(1, 3000) n";
        session.run("INSERT INTO versions(tenant, rid, id, kind, workspace, name, type, parent, position, text, metadata, tags,"
                    " importance, length, deleted, version, lsn_to, terms) SELECT " + tenant +
                    ", n, gen_random_uuid(), 1, 'w', n::text, '', gen_random_uuid(), 0, 'text', '', '', 0.5, 1, 0, 1, " +
                    std::to_string(kCurrent) + ", ''" + numbers);
        session.run("INSERT INTO vectors SELECT " + tenant + ", n, 1, 1, '\\x0102'" + numbers);
        session.run("INSERT INTO edges SELECT " + tenant + ", 3000 + n, gen_random_uuid(), gen_random_uuid(), 'about', 1, NULL, NULL,"
                    " NULL, '', 0, " + std::to_string(kCurrent) + numbers);
        session.run("INSERT INTO purges SELECT " + tenant + ", 6000 + n, gen_random_uuid()" + numbers);
        session.run("INSERT INTO idempotency SELECT " + tenant + ", n::text::bytea, '', '', n, n, n" + numbers);
        session.run("INSERT INTO counters SELECT " + tenant + ", n::text, n" + numbers);
        session.run("COMMIT");
    }
    owner.run("ANALYZE versions, vectors, edges, purges, idempotency, counters");
}

}  // namespace

TEST("every statement finds rows by an index that begins with the tenant, under row-level security") {
    const Database database;
    fill(database);
    Session session(database.options());
    for (const Statement* statement : tenantStatements()) checkPlan(session, *statement);
    for (const Table& table : tables())
        for (const Statement* statement : {&table.select, &table.remove}) checkPlan(session, *statement);
    CHECK(tenantStatements().size() > 40 && tables().size() == 9);
}

TEST("every table but the schema's version belongs to tenants, and no other object is the application's") {
    const Database database;
    Session session(database.options("ENGRAM_POSTGRES_ADMIN_URL"));
    const std::string ours = " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = '" +
                             database.schema + "' AND c.relkind = 'r'";
    CHECK_EQ(int64_t(10), number(session, "SELECT count(*)" + ours));
    CHECK_EQ(int64_t(9), number(session, "SELECT count(*)" + ours + " AND c.relrowsecurity AND c.relforcerowsecurity"));
    CHECK_EQ(int64_t(0), number(session, "SELECT count(*) FROM pg_class WHERE pg_get_userbyid(relowner) = 'engram_app'"));
    CHECK_EQ(int64_t(0), number(session, "SELECT count(*)" + ours + " AND has_table_privilege('engram_app', c.oid, 'TRUNCATE')"));
}
