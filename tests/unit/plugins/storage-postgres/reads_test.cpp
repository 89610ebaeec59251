// Reads that are answered from memory: what they see of each version, and that they ask PostgreSQL nothing.
#include "database.hpp"
#include "storage-postgres/reader.hpp"
#include "support/test.hpp"

using namespace engram;
using namespace engram::storage_postgres;
using namespace engram::storage_postgres::testing;

namespace {

// What one server has of a tenant in memory, and a connection of it.
class Server {
public:
    Server(const Database& database, const engram_uuid& id)
        : session_(database.options()), tenant_(std::make_shared<Tenant>(id, "tenant")) {}

    Session& session() { return session_; }

    View view(uint64_t at = ENGRAM_LSN_MAX) {
        const auto answers = read(session_, tenant_->id, {{kFindTenant, {}}});
        View out;
        out.tenant = tenant_;
        out.newest = static_cast<uint64_t>(answers[0].integer(0, 0));
        out.incarnation = answers[0].bytes(0, 1);
        out.fills = static_cast<uint64_t>(answers[0].integer(0, 2));
        out.at = at == ENGRAM_LSN_MAX ? out.newest : at;
        return out;
    }

    // The position, rid, and record of each row that is there.
    std::string facts(const View& view, const std::vector<uint64_t>& rids) {
        std::vector<engram_ref> refs(rids.size());
        for (size_t i = 0; i < rids.size(); ++i) {
            refs[i].by = ENGRAM_BY_RID;
            refs[i].rid = rids[i];
        }
        std::string out;
        bool pushed = false;
        const engram_rows rows{sizeof(engram_rows), 0, &out, [](void* ctx, size_t index, const engram_record* r) {
            *static_cast<std::string*>(ctx) += std::to_string(index) + ": " + std::to_string(r->rid) + " " +
                                               (r->pinned ? "pinned" : "free") + " of " + std::to_string(r->id.bytes[15]) + "\n";
            return engram_status(ENGRAM_OK);
        }};
        CHECK_EQ(engram_status(ENGRAM_OK),
                 Reader(view, session_, &pushed).get(refs.data(), refs.size(), ENGRAM_WANT_FACTS, rows));
        return out;
    }

private:
    Session session_;
    std::shared_ptr<Tenant> tenant_;
};

}  // namespace

TEST("facts are those of the version a view shows, whatever another server wrote since") {
    const Database database;
    const engram_uuid tenant = idOf(1);
    Server here(database, tenant), there(database, tenant);
    create(there.session(), tenant);
    put(there.session(), tenant, OneRecord(1, "one"));           // 1
    put(there.session(), tenant, OneRecord(2, "two"));           // 2
    const View before = here.view();
    const std::string both = "0: 1 free of 1\n1: 2 free of 2\n";
    CHECK_TEXT(both, here.facts(before, {1, 2, 3, 4}));
    put(there.session(), tenant, OneRecord(1, "one again", 1));  // 3
    onRecord(there.session(), tenant, ENGRAM_OP_DELETE, 2);      // 4
    CHECK_TEXT(both, here.facts(before, {1, 2, 3, 4}));
    CHECK_TEXT("2: 3 pinned of 1\n", here.facts(here.view(), {1, 2, 3, 4}));
    CHECK_TEXT(both, here.facts(before, {1, 2, 3, 4}));
    CHECK_TEXT("1: 2 free of 2\n2: 3 pinned of 1\n", here.facts(here.view(3), {1, 2, 3, 4}));
    onRecord(there.session(), tenant, ENGRAM_OP_PURGE, 1);       // 5
    CHECK_TEXT("", here.facts(here.view(), {1, 2, 3, 4}));
    CHECK_TEXT("1: 2 free of 2\n", here.facts(before, {1, 2, 3, 4}));
}

TEST("facts ask PostgreSQL nothing once the index has them") {
    const Database database;
    const engram_uuid tenant = idOf(1);
    Server server(database, tenant);
    create(server.session(), tenant);
    put(server.session(), tenant, OneRecord(1, "one"));
    const View view = server.view();
    CHECK_TEXT("0: 1 free of 1\n", server.facts(view, {1}));
    Session owner(database.options("ENGRAM_POSTGRES_ADMIN_URL"));
    CHECK_EQ(int64_t(1), number(owner, "SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity WHERE"
                                       " usename = 'engram_app'"));
    CHECK_TEXT("0: 1 free of 1\n", server.facts(view, {1}));
}
