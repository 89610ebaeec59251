#include "schema.hpp"

#include <array>
#include <iterator>

namespace engram::storage_postgres {
namespace {

constexpr int64_t kVersion = 2;

// lsn_to is 9223372036854775807 while a version or edge is current; absent times are NULL. Texts compare by bytes.
constexpr const char* kTables[] = {
    "CREATE TABLE meta(one integer PRIMARY KEY CHECK(one = 1), version bigint NOT NULL)",
    "CREATE TABLE tenants(tenant uuid PRIMARY KEY, incarnation uuid NOT NULL DEFAULT gen_random_uuid(),"
    " last_write uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000', lsn bigint NOT NULL DEFAULT 0, next_space integer NOT NULL DEFAULT 1, bytes bigint NOT NULL DEFAULT 0,"
    " fills bigint NOT NULL DEFAULT 0)",
    "CREATE TABLE versions(tenant uuid NOT NULL, rid bigint NOT NULL, closes bigint, id uuid NOT NULL,"
    " kind integer NOT NULL, workspace text COLLATE \"C\" NOT NULL, name text COLLATE \"C\" NOT NULL,"
    " type text COLLATE \"C\" NOT NULL, parent uuid NOT NULL, position bigint NOT NULL, text text NOT NULL,"
    " metadata text NOT NULL, tags bytea NOT NULL, importance double precision NOT NULL, occurred_at bigint,"
    " created_at bigint, updated_at bigint, expires_at bigint, valid_from bigint, valid_until bigint,"
    " length integer NOT NULL, deleted integer NOT NULL, version bigint NOT NULL, lsn_to bigint NOT NULL,"
    " terms bytea NOT NULL, pinned integer NOT NULL DEFAULT 0, PRIMARY KEY(tenant, rid))",
    "CREATE INDEX versions_id ON versions(tenant, id, rid)",
    "CREATE UNIQUE INDEX versions_current ON versions(tenant, id) WHERE lsn_to = 9223372036854775807",
    "CREATE INDEX versions_name ON versions(tenant, workspace, kind, name, rid) WHERE name <> ''",
    "CREATE UNIQUE INDEX versions_live_name ON versions(tenant, workspace, kind, name)"
    " WHERE name <> '' AND deleted = 0 AND lsn_to = 9223372036854775807",
    "CREATE TABLE vectors(tenant uuid NOT NULL, rid bigint NOT NULL, space integer NOT NULL, scale real NOT NULL,"
    " codes bytea NOT NULL, filled bigint NOT NULL DEFAULT 0, PRIMARY KEY(tenant, rid, space))",
    // `filled` counts the tenant's fills: 0 came with its row.
    "CREATE INDEX vectors_filled ON vectors(tenant, space, filled) WHERE filled > 0",
    "CREATE TABLE edges(tenant uuid NOT NULL, lsn bigint NOT NULL, source uuid NOT NULL, target uuid NOT NULL,"
    " type text COLLATE \"C\" NOT NULL, weight double precision NOT NULL, valid_from bigint, valid_until bigint,"
    " created_at bigint, metadata text NOT NULL, deleted integer NOT NULL, lsn_to bigint NOT NULL,"
    " PRIMARY KEY(tenant, lsn))",
    "CREATE INDEX edges_source ON edges(tenant, source, type, target)",
    "CREATE INDEX edges_target ON edges(tenant, target, type, source)",
    "CREATE TABLE purges(tenant uuid NOT NULL, lsn bigint NOT NULL, id uuid NOT NULL, PRIMARY KEY(tenant, id))",
    "CREATE INDEX purges_lsn ON purges(tenant, lsn)",
    "CREATE TABLE idempotency(tenant uuid NOT NULL, key bytea NOT NULL, hash bytea NOT NULL, answer bytea NOT NULL,"
    " first_lsn bigint NOT NULL, lsn bigint NOT NULL, expires bigint NOT NULL, PRIMARY KEY(tenant, key))",
    "CREATE INDEX idempotency_lsn ON idempotency(tenant, lsn)",
    "CREATE INDEX idempotency_expires ON idempotency(tenant, expires)",
    "CREATE TABLE counters(tenant uuid NOT NULL, name text COLLATE \"C\" NOT NULL, value bigint NOT NULL,"
    " PRIMARY KEY(tenant, name))",
    "CREATE TABLE spaces(tenant uuid NOT NULL, id integer NOT NULL, name text COLLATE \"C\" NOT NULL,"
    " dimensions integer NOT NULL, active integer NOT NULL, PRIMARY KEY(tenant, id), UNIQUE(tenant, name))",
    "CREATE TABLE holds(tenant uuid NOT NULL, name text COLLATE \"C\" NOT NULL, lsn bigint NOT NULL,"
    " PRIMARY KEY(tenant, name))",
};

// From version 1 on: what makes a schema of a version one of the next.
constexpr const char* kSteps[] = {
    "ALTER TABLE versions ADD COLUMN pinned integer NOT NULL DEFAULT 0",
};
static_assert(std::size(kSteps) == kVersion - 1);

// The table with the tenants' rows first, since restore() takes the tenant with it.
constexpr std::array kTenants{Type::Integer, Type::Small, Type::Integer};
constexpr std::array kVersions{
    Type::Integer, Type::Integer, Type::Uuid,    Type::Small,   Type::Text,    Type::Text,    Type::Text,  Type::Uuid,
    Type::Integer, Type::Text,    Type::Text,    Type::Bytes,   Type::Real,    Type::Integer, Type::Integer, Type::Integer,
    Type::Integer, Type::Integer, Type::Integer, Type::Small,   Type::Small,   Type::Integer, Type::Integer, Type::Bytes,
    Type::Small};
constexpr std::array kVectorColumns{Type::Integer, Type::Small, Type::Single, Type::Bytes};
constexpr std::array kEdges{Type::Integer, Type::Uuid,    Type::Uuid,    Type::Text, Type::Real,   Type::Integer,
                            Type::Integer, Type::Integer, Type::Text,    Type::Small, Type::Integer};
constexpr std::array kPurges{Type::Integer, Type::Uuid};
constexpr std::array kKeys{Type::Bytes, Type::Bytes, Type::Bytes, Type::Integer, Type::Integer, Type::Integer};
constexpr std::array kCountersColumns{Type::Text, Type::Integer};
constexpr std::array kSpacesColumns{Type::Small, Type::Text, Type::Small, Type::Small};
constexpr std::array kHolds{Type::Text, Type::Integer};

#define ENGRAM_TABLE(name, columns, key, unnested, ...)                                                                \
    Table {                                                                                                            \
        #name, {"page_" #name, "SELECT " columns " FROM " #name " WHERE tenant = $1::uuid ORDER BY " key},      \
            {"restore_" #name, "INSERT INTO " #name "(tenant, " columns ") SELECT $1::uuid, q.* FROM unnest(" unnested \
                               ") AS q"},                                                                              \
            {"erase_" #name, "DELETE FROM " #name " WHERE tenant = $1::uuid"}, __VA_ARGS__                                 \
    }

constexpr std::array kAll{
    ENGRAM_TABLE(tenants, "lsn, next_space, bytes", "tenant", "$2::bigint[], $3::int[], $4::bigint[]", kTenants),
    ENGRAM_TABLE(versions,
                 "rid, closes, id, kind, workspace, name, type, parent, position, text, metadata, tags, importance,"
                 " occurred_at, created_at, updated_at, expires_at, valid_from, valid_until, length, deleted, version,"
                 " lsn_to, terms, pinned",
                 "rid",
                 "$2::bigint[], $3::bigint[], $4::uuid[], $5::int[], $6::text[], $7::text[], $8::text[], $9::uuid[],"
                 " $10::bigint[], $11::text[], $12::text[], $13::bytea[], $14::float8[], $15::bigint[], $16::bigint[],"
                 " $17::bigint[], $18::bigint[], $19::bigint[], $20::bigint[], $21::int[], $22::int[], $23::bigint[],"
                 " $24::bigint[], $25::bytea[], $26::int[]",
                 kVersions, 1),
    ENGRAM_TABLE(vectors, "rid, space, scale, codes", "rid, space", "$2::bigint[], $3::int[], $4::real[], $5::bytea[]",
                 kVectorColumns),
    ENGRAM_TABLE(edges,
                 "lsn, source, target, type, weight, valid_from, valid_until, created_at, metadata, deleted, lsn_to", "lsn",
                 "$2::bigint[], $3::uuid[], $4::uuid[], $5::text[], $6::float8[], $7::bigint[], $8::bigint[],"
                 " $9::bigint[], $10::text[], $11::int[], $12::bigint[]",
                 kEdges),
    ENGRAM_TABLE(purges, "lsn, id", "id", "$2::bigint[], $3::uuid[]", kPurges),
    ENGRAM_TABLE(idempotency, "key, hash, answer, first_lsn, lsn, expires", "key",
                 "$2::bytea[], $3::bytea[], $4::bytea[], $5::bigint[], $6::bigint[], $7::bigint[]", kKeys),
    ENGRAM_TABLE(counters, "name, value", "name", "$2::text[], $3::bigint[]", kCountersColumns),
    ENGRAM_TABLE(spaces, "id, name, dimensions, active", "id", "$2::int[], $3::text[], $4::int[], $5::int[]",
                 kSpacesColumns),
    ENGRAM_TABLE(holds, "name, lsn", "name", "$2::text[], $3::bigint[]", kHolds),
};

void protect(Session& owner, const Table& table) {
    const std::string name = table.name;
    // current_setting() is empty, not absent, after a transaction that had set it.
    const std::string mine = "tenant = NULLIF(current_setting('engram.tenant', true), '')::uuid";
    owner.run("ALTER TABLE " + name + " ENABLE ROW LEVEL SECURITY");
    owner.run("ALTER TABLE " + name + " FORCE ROW LEVEL SECURITY");
    owner.run("CREATE POLICY of_the_tenant ON " + name + " USING (" + mine + ") WITH CHECK (" + mine + ")");
}

bool isTrue(Session& session, const char* question, const std::string& schema) {
    Parameters parameters;
    parameters.add(std::string_view(schema));
    return session.run(question, parameters).bytes(0, 0) == std::string_view("\1", 1);
}

int64_t versionOf(Session& session, const std::string& schema) {
    if (!isTrue(session, "SELECT to_regclass(quote_ident($1::text) || '.meta') IS NOT NULL", schema)) return 0;
    const Result version = session.run("SELECT version FROM " + session.quoted(schema) + ".meta");
    return version.rows() == 1 ? version.integer(0, 0) : 0;
}

}  // namespace

std::span<const Table> tables() { return kAll; }

void migrate(Session& owner, const std::string& schema, const std::string& application) {
    owner.run("BEGIN");
    try {
        // Several nodes may start at once; the number is this plugin's own.
        owner.run("SELECT pg_advisory_xact_lock(5207021193427518285)");
        if (!isTrue(owner, "SELECT to_regnamespace(quote_ident($1::text)) IS NOT NULL", schema))
            owner.run("CREATE SCHEMA " + owner.quoted(schema));
        const int64_t version = versionOf(owner, schema);
        if (version > kVersion)
            throw PostgresError("55000", "the schema is of version " + std::to_string(version) + ", newer than this plugin");
        if (version == 0) {
            for (const char* sql : kTables) owner.run(sql);
            for (const Table& table : tables()) protect(owner, table);
            owner.run("INSERT INTO meta VALUES(1, " + std::to_string(kVersion) + ")");
        } else {
            for (int64_t step = version; step < kVersion; ++step) owner.run(kSteps[step - 1]);
            if (version < kVersion) owner.run("UPDATE meta SET version = " + std::to_string(kVersion));
        }
        const std::string role = owner.quoted(application);
        owner.run("GRANT USAGE ON SCHEMA " + owner.quoted(schema) + " TO " + role);
        owner.run("GRANT SELECT ON meta TO " + role);
        for (const Table& table : tables())
            owner.run(std::string("GRANT SELECT, INSERT, UPDATE, DELETE ON ") + table.name + " TO " + role);
        owner.run("COMMIT");
    } catch (...) {
        owner.rollback();
        throw;
    }
}

std::string complaint(Session& application, const std::string& schema) {
    const Result encoding = application.run("SELECT pg_catalog.getdatabaseencoding()::text");
    if (encoding.bytes(0, 0) != "UTF8") return "the database's encoding is not UTF8";
    if (application.run("SELECT current_setting('synchronous_commit')").bytes(0, 0) == "off")
        return "synchronous_commit is off for the role: acknowledged writes could be lost";
    const int64_t version = versionOf(application, schema);
    if (version == 0) return "the schema \"" + schema + "\" has no tables, or the role may not see them";
    if (version != kVersion)
        return "the schema \"" + schema + "\" is of version " + std::to_string(version) +
               (version > kVersion ? ", newer than this plugin" : ": start a server with owner_url once, which migrates it");
    const Result role = application.run(
        "SELECT (rolsuper OR rolbypassrls)::int FROM pg_catalog.pg_roles WHERE rolname = current_user");
    if (role.rows() != 1 || role.small(0, 0) != 0) return "the role is a superuser or has BYPASSRLS";
    Parameters parameters;
    parameters.add(std::string_view(schema));
    const Result owned = application.run(
        "SELECT count(*) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE"
        " n.nspname = $1::text AND c.relkind = 'r' AND pg_catalog.pg_has_role(current_user, c.relowner, 'USAGE')",
        parameters);
    if (owned.integer(0, 0) != 0) return "the role owns tables of the schema";
    const Result open = application.run(
        "SELECT count(*) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE"
        " n.nspname = $1::text AND c.relkind = 'r' AND c.relname <> 'meta' AND NOT (c.relrowsecurity AND"
        " c.relforcerowsecurity)",
        parameters);
    if (open.integer(0, 0) != 0) return "a table of the schema is without forced row-level security";
    return "";
}

}  // namespace engram::storage_postgres
