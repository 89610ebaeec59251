// What the application role can and cannot do in the database, whatever it says.
#include "database.hpp"
#include "support/test.hpp"

using namespace engram::storage_postgres;
using namespace engram::storage_postgres::testing;

namespace {

// Two tenants with a record each.
struct Two {
    Database database;
    Session session{database.options()};
    Two() {
        for (uint8_t n : {1, 2}) create(session, idOf(n));
        put(session, idOf(1), OneRecord(1, "of the first"));
        put(session, idOf(2), OneRecord(2, "of the second"));
    }
};

void expectState(const std::string& state, Session& session, const std::string& sql) {
    try {
        session.run(sql);
        CPPUNIT_FAIL("went through: " + sql);
    } catch (const PostgresError& e) {
        CHECK_EQ(state, e.state);
    }
    CHECK(session.rollback());
}

}  // namespace

TEST("a query that names no tenant, or after the transaction that did, sees nothing") {
    Two two;
    for (const Table& table : tables()) CHECK_EQ(int64_t(0), number(two.session, std::string("SELECT count(*) FROM ") + table.name));
    begin(two.session, idOf(1));
    CHECK_EQ(int64_t(1), number(two.session, "SELECT count(*) FROM versions"));
    two.session.queue(kCommit).flush();
    CHECK_EQ(int64_t(0), number(two.session, "SELECT count(*) FROM versions"));
}

TEST("another tenant's rows cannot be read, changed, removed or written, even by their number") {
    Two two;
    const std::string other = "'01000000-0000-0000-0000-000000000002'";
    begin(two.session, idOf(1));
    CHECK_EQ(int64_t(0), number(two.session, "SELECT count(*) FROM versions WHERE tenant = " + other));
    CHECK_EQ(int64_t(1), number(two.session, "SELECT count(*) FROM versions WHERE text LIKE 'of the%'"));
    for (const char* table : {"versions", "tenants", "counters"}) {
        const std::string name = table;
        two.session.run("DELETE FROM " + name + " WHERE tenant = " + other);
        expectState("42501", two.session, "UPDATE " + name + " SET tenant = " + other);
        begin(two.session, idOf(1));
    }
    expectState("42501", two.session, "INSERT INTO counters VALUES(" + other + ", 'bytes', 1)");
    begin(two.session, idOf(2));
    CHECK_EQ(int64_t(1), number(two.session, "SELECT count(*) FROM versions"));
}

TEST("the owner of the tables sees no tenant's rows either") {
    Two two;
    Session owner(two.database.options("ENGRAM_POSTGRES_OWNER_URL"));
    CHECK_EQ(int64_t(0), number(owner, "SELECT count(*) FROM versions"));
}

TEST("the application role cannot switch row-level security off") {
    Two two;
    expectState("42501", two.session, "ALTER TABLE versions DISABLE ROW LEVEL SECURITY");
    expectState("42501", two.session, "DROP POLICY of_the_tenant ON versions");
    expectState("42501", two.session, "TRUNCATE versions");
    two.session.run("SET row_security = off");
    expectState("42501", two.session, "SELECT count(*) FROM versions");
}

TEST("a role that could go past row-level security is not served with") {
    const Database database;
    Session application(database.options());
    CHECK_TEXT("", complaint(application, database.schema));
    Session admin(database.options("ENGRAM_POSTGRES_ADMIN_URL"));
    CHECK_TEXT("the role is a superuser or has BYPASSRLS", complaint(admin, database.schema));
    Session owner(database.options("ENGRAM_POSTGRES_OWNER_URL"));
    CHECK_TEXT("the role owns tables of the schema", complaint(owner, database.schema));
    owner.run("ALTER TABLE edges NO FORCE ROW LEVEL SECURITY");
    CHECK_TEXT("a table of the schema is without forced row-level security", complaint(application, database.schema));
}

TEST("a schema that is not there, or of another version, is not served with") {
    const Database database;
    Session application(database.options());
    CHECK(complaint(application, "nowhere").find("has no tables") != std::string::npos);
    Session owner(database.options("ENGRAM_POSTGRES_OWNER_URL"));
    owner.run("UPDATE meta SET version = 99");
    CHECK(complaint(application, database.schema).find("version 99") != std::string::npos);
    CPPUNIT_ASSERT_THROW(migrate(owner, database.schema, "engram_app"), PostgresError);
}

TEST("migrating again changes nothing") {
    Two two;
    Session owner(two.database.options("ENGRAM_POSTGRES_OWNER_URL"));
    migrate(owner, two.database.schema, "engram_app");
    begin(two.session, idOf(1));
    CHECK_EQ(int64_t(1), number(two.session, "SELECT count(*) FROM versions"));
}
