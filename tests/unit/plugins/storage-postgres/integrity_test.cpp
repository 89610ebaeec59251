// What check() finds: each damage alone, done by SQL to one of two tenants.
#include "database.hpp"
#include "storage-postgres/integrity.hpp"
#include "support/test.hpp"

using namespace engram::storage_postgres;
using namespace engram::storage_postgres::testing;

namespace {

void edge(Session& session, const engram_uuid& tenant, uint8_t from, uint8_t to) {
    engram_edge edge{};
    edge.size = sizeof edge;
    edge.from = idOf(from);
    edge.to = idOf(to);
    edge.type = engram_lit("about");
    edge.weight = 1;
    apply(session, tenant, {sizeof(engram_op), ENGRAM_OP_PUT_EDGE, nullptr, &edge, ENGRAM_VERSION_ANY});
}

// Record 1 has the versions 1 to 3, record 2 was deleted, 3 purged, 4 has a vector; an edge of two versions; twelve LSNs.
void fill(Session& session, const engram_uuid& tenant) {
    create(session, tenant);
    for (const char* text : {"one", "two", "three"}) put(session, tenant, OneRecord(1, text));
    put(session, tenant, OneRecord(2, "gone"));
    onRecord(session, tenant, ENGRAM_OP_DELETE, 2);
    put(session, tenant, OneRecord(3, "purged"));
    edge(session, tenant, 3, 1);
    onRecord(session, tenant, ENGRAM_OP_PURGE, 3);
    put(session, tenant, OneRecord(4, "has a vector"));
    edge(session, tenant, 1, 4);
    edge(session, tenant, 1, 4);
    put(session, tenant, OneRecord(5, "another"));
    begin(session, tenant);
    const std::string me = "current_setting('engram.tenant')::uuid";
    session.run("INSERT INTO spaces VALUES(" + me + ", 1, 'model', 2, 1)");
    session.run("INSERT INTO vectors SELECT " + me + ", rid, 1, 0.5, '\\x0102' FROM versions WHERE text = 'has a vector'");
    session.run("COMMIT");
}

// "" or what is damaged.
std::string found(Session& session, const engram_uuid& tenant) {
    try {
        CHECK(checkTenant(session, tenant));
        return "";
    } catch (const PostgresError& e) {
        CHECK_MESSAGE(e.state + " " + e.message, e.damaged());
        CHECK(session.rollback());
        return e.message;
    }
}

struct Damage {
    const char* sql;
    const char* told;
};

constexpr Damage kDamages[] = {
    {"UPDATE versions SET terms = '\\xff' WHERE rid = 1",
     "record 01000000-0000-0000-0000-000000000001, version of LSN 1: damaged terms"},
    {"UPDATE versions SET tags = '\\x05' WHERE rid = 3", "damaged tags"},
    {"UPDATE versions SET tags = '\\x00' WHERE rid = 3", "a tag has 1 to 512 bytes"},
    {"UPDATE versions SET metadata = '{\"a\":' WHERE rid = 3", "metadata that is not a JSON object"},
    {"UPDATE versions SET metadata = '[]' WHERE rid = 3", "metadata that is not a JSON object"},
    {"UPDATE versions SET importance = 'NaN' WHERE rid = 3", "importance must be from 0 to 1"},
    {"UPDATE versions SET workspace = '' WHERE rid = 1", "a workspace has 1 to 128 bytes"},
    {"UPDATE versions SET text = 'x' WHERE rid = 5", "a deleted record with content"},
    {"DELETE FROM versions WHERE rid = 1", "the version before it is not there"},
    {"DELETE FROM versions WHERE rid = 2", "version of LSN 1 that does not end where the next begins"},
    {"DELETE FROM versions WHERE rid = 3", "has no current version, the last is of LSN 2"},
    {"UPDATE versions SET lsn_to = 9 WHERE rid = 3", "has no current version, the last is of LSN 3"},
    {"UPDATE versions SET version = 7 WHERE rid = 3", "its number is 7"},
    {"UPDATE versions SET closes = NULL WHERE rid = 3", "the version before it is not there"},
    {"DELETE FROM versions WHERE rid = 12", "the counter bytes is 24, and there are 17"},
    {"UPDATE counters SET value = value + 1 WHERE name = 'records.1'", "the counter records.1 is 4, and there are 3"},
    {"DELETE FROM counters WHERE name = 'workspace.default'",
     "the counter workspace.default is 0, and there are 3"},
    {"INSERT INTO counters SELECT tenant, 'workspace.other', 2 FROM tenants",
     "the counter workspace.other is 2, and there are 0"},
    {"UPDATE tenants SET lsn = 11", "has a version of LSN 12, and the tenant's newest is 11"},
    {"UPDATE vectors SET codes = '\\x01'", "a vector does not fit its space"},
    {"UPDATE vectors SET scale = 'Infinity'", "a number that is not finite"},
    {"UPDATE vectors SET space = 2", "a vector does not fit its space"},
    {"UPDATE vectors SET rid = 8", "a vector of the version of LSN 8, which is not there"},
    {"INSERT INTO spaces SELECT tenant, 2, 'other', 2, 1 FROM tenants", "more than one vector space"},
    {"DELETE FROM edges WHERE deleted = 0 AND lsn_to > 100", "edge from 01000000-0000-0000-0000-000000000001 to "},
    {"UPDATE edges SET lsn_to = 9223372036854775807", "version of LSN 10 that does not end where the next begins"},
    {"UPDATE edges SET metadata = '1'", "metadata that is not a JSON object"},
    {"UPDATE edges SET weight = 'NaN'", "an edge's weight must be finite"},
    {"UPDATE edges SET lsn = 9 WHERE lsn = 10", "a later purge took it, or a record has its LSN"},
    {"UPDATE purges SET id = (SELECT id FROM versions WHERE rid = 1)", "version of LSN 1: a later purge took it"},
    {"UPDATE purges SET lsn = 13", "a purge is later than the tenant's newest LSN"},
    {"INSERT INTO idempotency SELECT tenant, '', '', '', 13, 13, 0 FROM tenants", "an idempotency key is later"}};

}  // namespace

TEST("what was only ever written by apply is sound, and a tenant that is not there is not") {
    const Database database;
    Session session(database.options());
    create(session, idOf(1));
    CHECK_TEXT("", found(session, idOf(1)));
    fill(session, idOf(2));
    CHECK_TEXT("", found(session, idOf(2)));
    CHECK(!checkTenant(session, idOf(3)));
    CHECK(session.rollback());
}

TEST("each damage is found and named, and the other tenant's rows are sound") {
    const Database database;
    Session session(database.options());
    fill(session, idOf(200));
    uint8_t number = 0;
    for (const Damage& damage : kDamages) {
        const engram_uuid tenant = idOf(++number);
        fill(session, tenant);
        begin(session, tenant);
        session.run(damage.sql);
        session.run("COMMIT");
        const std::string what = found(session, tenant);
        CHECK_MESSAGE(std::string(damage.sql) + ": " + what, what.find(damage.told) != std::string::npos);
    }
    CHECK_TEXT("", found(session, idOf(200)));
}

TEST("everything is read however many rows there are") {
    const Database database;
    Session session(database.options());
    create(session, idOf(1));
    begin(session, idOf(1));
    const std::string me = "current_setting('engram.tenant')::uuid";
    const std::string current = std::to_string(kCurrent);
    session.run("INSERT INTO versions(tenant, rid, id, kind, workspace, name, type, parent, position, text, metadata, tags,"
                " importance, length, deleted, version, lsn_to, terms) SELECT " + me + ", n, lpad(n::text, 32, '0')::uuid, 1,"
                " 'w', '', '', lpad('', 32, '0')::uuid, 0, 'x', '', '', 0.5, 1, 0, 1, " + current + ", ''"
                " FROM generate_series(1, 250) n");
    session.run("INSERT INTO edges SELECT " + me + ", 250 + n, lpad('', 32, '0')::uuid, lpad(n::text, 32, '0')::uuid, 'about',"
                " 1, NULL, NULL, NULL, '', 0, " + current + " FROM generate_series(1, 5100) n");
    session.run("INSERT INTO counters SELECT " + me + ", n, 250 FROM unnest(ARRAY['bytes', 'records.1', 'workspace.w']) AS n");
    session.run("UPDATE tenants SET lsn = 6000");
    session.run("COMMIT");
    CHECK_TEXT("", found(session, idOf(1)));
    begin(session, idOf(1));
    session.run("UPDATE edges SET weight = 'NaN' WHERE lsn = 5350");
    session.run("COMMIT");
    CHECK(found(session, idOf(1)).find("edge from 0") == 0);
    begin(session, idOf(1));
    session.run("UPDATE versions SET terms = '\\x01' WHERE rid = 250");
    session.run("COMMIT");
    CHECK(found(session, idOf(1)).find("version of LSN 250: damaged terms") != std::string::npos);
}
