// Files of older versions of the schema, made by taking back what came since, and of newer ones.
#include "storage-sqlite/reader.hpp"
#include "storage-sqlite/snapshot.hpp"
#include "storage-sqlite/tenant.hpp"
#include "storage-sqlite/writer.hpp"

#include "support/temporary_folder.hpp"
#include "support/test.hpp"

#include <engram/cpp/text.hpp>

#include <filesystem>
#include <fstream>

using namespace engram::storage_sqlite;
using engram::testing::TemporaryFolder;

namespace {

engram_uuid idOf(uint8_t number) {
    engram_uuid id{};
    id.bytes[0] = 1;
    id.bytes[15] = number;
    return id;
}

void write(Tenant& tenant, uint32_t kind, engram_record record) {
    record.size = sizeof record;
    record.kind = ENGRAM_KIND_MEMORY;
    record.workspace = engram_lit("default");
    const engram_op op{sizeof op, kind, &record, nullptr, ENGRAM_VERSION_ANY};
    engram_batch batch{};
    batch.size = sizeof batch;
    batch.ops = &op;
    batch.n_ops = 1;
    std::lock_guard writing(tenant.writer_mutex);
    CHECK_EQ(uint32_t(ENGRAM_APPLY_DONE), applyBatches(tenant, &batch, 1, Deadline()).front().outcome);
}

void put(Tenant& tenant, uint8_t number, const char* text, uint32_t pinned) {
    engram_record record{};
    record.id = idOf(number);
    record.text = engram_lit(text);
    record.pinned = pinned;
    write(tenant, ENGRAM_OP_PUT, record);
}

std::unique_ptr<Reader> readerOf(const std::shared_ptr<Tenant>& tenant) {
    return std::make_unique<Reader>(tenant, tenant->takeReader(std::chrono::steady_clock::now() + std::chrono::seconds(10)),
                                    tenant->lsn());
}

engram_status note(void* ctx, size_t, const engram_record* record) {
    std::string& out = *static_cast<std::string*>(ctx);
    out += std::string(engram::view(record->text)) + (record->deleted ? "gone" : "") + (record->pinned ? "! " : " ");
    return ENGRAM_OK;
}

std::string history(const std::shared_ptr<Tenant>& tenant, uint8_t number) {
    std::string out;
    const engram_rows rows{sizeof rows, 0, &out, &note};
    CHECK_EQ(engram_status(ENGRAM_OK), readerOf(tenant)->history(idOf(number), ENGRAM_WANT_TEXT, rows));
    return out;
}

// Those that are pinned, or those that are not.
std::string listed(const std::shared_ptr<Tenant>& tenant, uint32_t pinned) {
    const engram_value value{ENGRAM_VALUE_BOOL, pinned, 0, 0, {}};
    const engram_filter_node node{ENGRAM_EQ, ENGRAM_FIELD_PINNED, {}, &value, 1, 0, 0};
    engram_list_query query{};
    query.size = sizeof query;
    query.order = ENGRAM_ORDER_CREATED;
    query.limit = 100;
    query.want = ENGRAM_WANT_TEXT;
    query.scope.size = sizeof query.scope;
    query.scope.filter = {&node, 1};
    std::string out, next;
    const engram_rows rows{sizeof rows, 0, &out, &note};
    CHECK_EQ(engram_status(ENGRAM_OK), readerOf(tenant)->list(query, rows, next));
    return out;
}

std::shared_ptr<Tenant> open(const std::string& folder) { return std::make_shared<Tenant>(folder, Options{}); }

void run(const std::string& folder, const std::string& sql) {
    sqlite3* db = nullptr;
    CHECK_EQ(SQLITE_OK, sqlite3_open((folder + "/engram.db").c_str(), &db));
    const int code = sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr);
    sqlite3_close(db);
    CHECK_EQ(SQLITE_OK, code);
}

std::string columnsOf(Tenant& tenant) {
    std::string out;
    Statement column =
        tenant.writer->statement("SELECT name, type, \"notnull\", dflt_value FROM pragma_table_info('versions')");
    while (column.step())
        for (int i = 0; i < 4; ++i) out += std::string(column.text(i)) + (i < 3 ? " " : "\n");
    return out;
}

int64_t versionOf(Tenant& tenant) {
    Statement version = tenant.writer->statement("PRAGMA user_version");
    CHECK(version.step());
    return version.integer(0);
}

// A file of version 1 with a record that was written twice, and one that was deleted.
void makeVersion1(const std::string& folder) {
    {
        const auto tenant = open(folder);
        put(*tenant, 1, "first", 0);
        put(*tenant, 1, "second", 0);
        put(*tenant, 2, "other", 0);
        engram_record gone{};
        gone.id = idOf(2);
        write(*tenant, ENGRAM_OP_DELETE, gone);
    }
    run(folder, "ALTER TABLE versions DROP COLUMN pinned; PRAGMA user_version = 1");
}

void checkUpToDate(const std::shared_ptr<Tenant>& tenant) {
    CHECK_TEXT("first second ", history(tenant, 1));
    CHECK_TEXT("other gone ", history(tenant, 2));
    CHECK_TEXT("", listed(tenant, 1));
    CHECK_TEXT("second ", listed(tenant, 0));
    put(*tenant, 1, "third", 1);
    put(*tenant, 3, "new", 0);
    CHECK_TEXT("first second third! ", history(tenant, 1));
    CHECK_TEXT("third! ", listed(tenant, 1));
    CHECK_TEXT("new ", listed(tenant, 0));
}

}  // namespace

TEST("a file of version 1 is read, written and listed, and is of this version from then on") {
    const TemporaryFolder folder, fresh;
    makeVersion1(folder.path());
    const auto expected = open(fresh.path());
    {
        const auto tenant = open(folder.path());
        CHECK_EQ(versionOf(*expected), versionOf(*tenant));
        CHECK_TEXT(columnsOf(*expected), columnsOf(*tenant));
        checkUpToDate(tenant);
    }
    const auto again = open(folder.path());
    CHECK_TEXT("first second third! ", history(again, 1));
    CHECK_TEXT("third! ", listed(again, 1));
}

TEST("what a process that was killed left in the log of a file of version 1 is in the file of this version") {
    const TemporaryFolder folder, copy;
    makeVersion1(folder.path());
    sqlite3* killed = nullptr;
    CHECK_EQ(SQLITE_OK, sqlite3_open((folder / "engram.db").c_str(), &killed));
    const char* sql = "UPDATE versions SET text = 'logged' WHERE text = 'second'";
    CHECK_EQ(SQLITE_OK, sqlite3_exec(killed, sql, nullptr, nullptr, nullptr));
    for (const char* name : {"engram.db", "engram.db-wal"}) std::filesystem::copy_file(folder / name, copy / name);
    sqlite3_close(killed);
    CHECK(std::filesystem::file_size(copy / "engram.db-wal") > 0);
    const auto tenant = open(copy.path());
    CHECK_TEXT("first logged ", history(tenant, 1));
    CHECK_TEXT("logged ", listed(tenant, 0));
    CHECK_EQ(uintmax_t(0), std::filesystem::file_size(copy / "engram.db-wal"));
}

TEST("a snapshot of version 1 is restored as a file of this version") {
    const TemporaryFolder folder, parent;
    makeVersion1(folder.path());
    std::ifstream file(folder / "engram.db", std::ios::binary);
    const auto read = [](void* ctx, void* buffer, size_t capacity, size_t* n) -> engram_status {
        auto& from = *static_cast<std::ifstream*>(ctx);
        from.read(static_cast<char*>(buffer), static_cast<std::streamsize>(capacity));
        *n = static_cast<size_t>(from.gcount());
        return ENGRAM_OK;
    };
    const engram_source source{sizeof source, 0, &file, read};
    CHECK_EQ(engram_status(ENGRAM_OK), readSnapshot(parent / "tenant", source));
    checkUpToDate(open(parent / "tenant"));
}

TEST("a migration that fails leaves the file as it was") {
    const TemporaryFolder folder;
    makeVersion1(folder.path());
    run(folder.path(), "ALTER TABLE versions ADD COLUMN pinned TEXT");  // in the migration's way
    CPPUNIT_ASSERT_THROW(open(folder.path()), SqliteError);
    run(folder.path(), "ALTER TABLE versions DROP COLUMN pinned");
    checkUpToDate(open(folder.path()));
}

TEST("a file of a newer version, or of another application, is left alone") {
    const TemporaryFolder folder;
    makeVersion1(folder.path());
    for (const char* sql : {"PRAGMA user_version = 3", "PRAGMA user_version = 99", "PRAGMA user_version = -1",
                            "PRAGMA user_version = 0", "PRAGMA user_version = 1; PRAGMA application_id = 7"}) {
        run(folder.path(), sql);
        try {
            open(folder.path());
            CPPUNIT_FAIL(std::string("opened after ") + sql);
        } catch (const SqliteError& e) {
            CHECK_EQ(SQLITE_NOTADB, e.code);
        }
    }
    run(folder.path(), "PRAGMA user_version = 1; PRAGMA application_id = 1162757965");
    checkUpToDate(open(folder.path()));
}
