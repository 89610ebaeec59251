// Schemas and snapshots of older versions, made by taking back what came since.
#include "database.hpp"
#include "support/test.hpp"

#include "storage-postgres/snapshot.hpp"

using namespace engram::storage_postgres;
using namespace engram::storage_postgres::testing;

namespace {

void put(Session& session, const OneRecord& record) {
    Apply apply(session, idOf(1), &record.batch(), 1);
    CHECK(apply.run());
    CHECK_EQ(uint32_t(ENGRAM_APPLY_DONE), apply.results()[0].outcome);
}

int64_t counted(Session& session, const engram_uuid& tenant, const std::string& where) {
    begin(session, tenant);
    const int64_t n = number(session, "SELECT count(*) FROM versions WHERE " + where);
    session.queue(kCommit).flush();
    return n;
}

std::string columnsOf(Session& owner, const std::string& schema) {
    const Result columns = owner.run(
        "SELECT string_agg(column_name || ' ' || data_type || ' ' || is_nullable || ' ' || coalesce(column_default, ''), E'\\n'"
        " ORDER BY ordinal_position) FROM information_schema.columns WHERE table_name = 'versions' AND table_schema = '" +
        schema + "'");
    return std::string(columns.bytes(0, 0));
}

std::string snapshotOf(Session& session, const engram_uuid& tenant) {
    std::string out;
    const engram_sink sink{sizeof sink, 0, &out, [](void* ctx, engram_bytes bytes) -> engram_status {
                               static_cast<std::string*>(ctx)->append(static_cast<const char*>(bytes.ptr), bytes.len);
                               return ENGRAM_OK;
                           }};
    uint64_t lsn = 0;
    CHECK_EQ(engram_status(ENGRAM_OK), writeSnapshot(session, tenant, sink, &lsn));
    session.rollback();
    return out;
}

engram_status restore(Session& session, const engram_uuid& tenant, const std::string& snapshot) {
    std::string_view rest = snapshot;
    const auto read = [](void* ctx, void* buffer, size_t capacity, size_t* n) -> engram_status {
        std::string_view& left = *static_cast<std::string_view*>(ctx);
        *n = std::min(capacity, left.size());
        std::memcpy(buffer, left.data(), *n);
        left.remove_prefix(*n);
        return ENGRAM_OK;
    };
    return readSnapshot(session, tenant, {sizeof(engram_source), 0, &rest, read});
}

// Without the last column of every row of `versions`, the second table.
std::string asVersion1(std::string_view from) {
    constexpr size_t kMagicSize = 18;
    std::string out(from.substr(0, kMagicSize - 2));
    out += "1\n";
    from.remove_prefix(kMagicSize);
    const auto take = [&](size_t n, bool keep = true) {
        const std::string_view taken = from.substr(0, n);
        if (keep) out += taken;
        from.remove_prefix(n);
        return taken;
    };
    while (from.front() != '\xff') {
        const auto table = static_cast<size_t>(take(1).front());
        const int32_t rows = binary::toSmall(take(4));
        const size_t columns = tables()[table].columns.size();
        for (size_t field = 0; field < columns * static_cast<size_t>(rows); ++field) {
            const bool keep = table != 1 || (field + 1) % columns != 0;
            const int32_t size = binary::toSmall(take(4, keep));
            if (size > 0) take(static_cast<size_t>(size), keep);
        }
    }
    return out + std::string(from);
}

}  // namespace

TEST("a schema of version 1 is migrated with the rows in it, of which none is pinned") {
    const Database database, fresh;
    Session owner(database.options("ENGRAM_POSTGRES_OWNER_URL"));
    {
        Session session(database.options());
        create(session, idOf(1));
        put(session, OneRecord(1, "kept"));
    }
    owner.run("ALTER TABLE versions DROP COLUMN pinned");
    owner.run("UPDATE meta SET version = 1");
    Session session(database.options());
    CHECK(complaint(session, database.schema).find("of version 1: start a server with owner_url") != std::string::npos);
    migrate(owner, database.schema, "engram_app");
    CHECK_TEXT("", complaint(session, database.schema));
    CHECK_TEXT(columnsOf(owner, fresh.schema), columnsOf(owner, database.schema));
    CHECK_EQ(int64_t(1), counted(session, idOf(1), "pinned = 0 AND text = 'kept'"));
    put(session, OneRecord(2, "pinned", 1));
    CHECK_EQ(int64_t(1), counted(session, idOf(1), "pinned = 1"));
    migrate(owner, database.schema, "engram_app");
    CHECK_EQ(int64_t(2), counted(session, idOf(1), "true"));
}

TEST("a migration that fails leaves the schema as it was") {
    const Database database;
    Session owner(database.options("ENGRAM_POSTGRES_OWNER_URL"));
    owner.run("UPDATE meta SET version = 1");  // the column is in the migration's way
    CPPUNIT_ASSERT_THROW(migrate(owner, database.schema, "engram_app"), PostgresError);
    CHECK_EQ(int64_t(1), number(owner, "SELECT version FROM meta"));
}

TEST("a snapshot of version 1 is restored, with nothing pinned, and one of another version refused") {
    const Database database;
    Session session(database.options());
    create(session, idOf(1));
    put(session, OneRecord(1, "kept"));
    put(session, OneRecord(1, "pinned", 1));
    const std::string snapshot = snapshotOf(session, idOf(1)), old = asVersion1(snapshot);
    CHECK_EQ(engram_status(ENGRAM_OK), restore(session, idOf(2), snapshot));
    CHECK_EQ(int64_t(1), counted(session, idOf(2), "pinned = 1 AND text = 'pinned'"));
    CHECK_EQ(engram_status(ENGRAM_OK), restore(session, idOf(3), old));
    CHECK_EQ(int64_t(0), counted(session, idOf(3), "pinned <> 0"));
    CHECK_EQ(int64_t(1), counted(session, idOf(3), "text = 'pinned'"));
    CHECK_EQ(int64_t(2), counted(session, idOf(3), "true"));
    std::string newer = snapshot;
    newer.replace(newer.find('2'), 1, "3");
    CHECK_EQ(engram_status(ENGRAM_INVALID_ARGUMENT), restore(session, idOf(4), newer));
}
