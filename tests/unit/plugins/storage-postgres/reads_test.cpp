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

    // Numbers of the records of a view that the condition lets through.
    std::string listed(const View& view, const engram_filter_node& condition) {
        engram_list_query query{};
        query.size = sizeof query;
        query.scope.size = sizeof query.scope;
        query.scope.filter = {&condition, 1};
        query.order = ENGRAM_ORDER_CREATED;
        query.limit = 100;
        std::string out, next;
        bool pushed = false;
        const engram_rows rows{sizeof(engram_rows), 0, &out, [](void* ctx, size_t, const engram_record* r) {
            *static_cast<std::string*>(ctx) += std::to_string(r->id.bytes[15]) + " ";
            return engram_status(ENGRAM_OK);
        }};
        CHECK_EQ(engram_status(ENGRAM_OK), Reader(view, session_, &pushed).list(query, rows, next));
        return out;
    }

private:
    Session session_;
    std::shared_ptr<Tenant> tenant_;
};

// A condition on tags.
class Tags {
public:
    Tags(uint32_t op, const char* tag) {
        value_.type = ENGRAM_VALUE_STRING;
        value_.string = engram_lit(tag);
        node_.op = op;
        node_.field = ENGRAM_FIELD_TAG;
        node_.values = &value_;
        node_.n_values = op == ENGRAM_EXISTS ? 0 : 1;
    }
    const engram_filter_node& node() const { return node_; }

private:
    engram_value value_{};
    engram_filter_node node_{};
};

void putTagged(Session& session, const engram_uuid& tenant, uint8_t number, const std::vector<engram_str>& tags) {
    const OneRecord one(number, "text");
    engram_record record = *one.batch().ops[0].record;
    record.tags = tags.data();
    record.n_tags = tags.size();
    apply(session, tenant, {sizeof(engram_op), ENGRAM_OP_PUT, &record, nullptr, ENGRAM_VERSION_ANY});
}

const Tags kRed(ENGRAM_EQ, "red"), kNotRed(ENGRAM_NE, "red"), kAny(ENGRAM_EXISTS, ""), kAfterP(ENGRAM_GT, "p");

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

TEST("a condition on tags is of the version a view shows, whatever another server wrote since") {
    const Database database;
    const engram_uuid tenant = idOf(1);
    const engram_str red = engram_lit("red"), blue = engram_lit("blue");
    Server here(database, tenant), there(database, tenant);
    create(there.session(), tenant);
    putTagged(there.session(), tenant, 1, {red});
    putTagged(there.session(), tenant, 2, {blue, red});
    putTagged(there.session(), tenant, 3, {blue});
    putTagged(there.session(), tenant, 4, {});
    const View before = here.view();
    const auto ofBefore = [&] {
        CHECK_TEXT("1 2 ", here.listed(before, kRed.node()));
        CHECK_TEXT("3 4 ", here.listed(before, kNotRed.node()));
        CHECK_TEXT("1 2 3 ", here.listed(before, kAny.node()));
        CHECK_TEXT("1 2 ", here.listed(before, kAfterP.node()));
    };
    ofBefore();
    putTagged(there.session(), tenant, 1, {blue});
    putTagged(there.session(), tenant, 4, {red, blue});
    onRecord(there.session(), tenant, ENGRAM_OP_DELETE, 2);
    ofBefore();
    for (Server* server : {&here, &there}) {
        CHECK_TEXT("4 ", server->listed(server->view(), kRed.node()));
        CHECK_TEXT("1 3 ", server->listed(server->view(), kNotRed.node()));
        CHECK_TEXT("1 3 4 ", server->listed(server->view(), kAny.node()));
        CHECK_TEXT("4 ", server->listed(server->view(), kAfterP.node()));
    }
    ofBefore();
}

TEST("damaged tags are told to those who ask for tags") {
    const Database database;
    const engram_uuid tenant = idOf(1);
    Server server(database, tenant);
    create(server.session(), tenant);
    putTagged(server.session(), tenant, 1, {engram_lit("red")});
    put(server.session(), tenant, OneRecord(2, "two"));
    begin(server.session(), tenant);
    server.session().run("UPDATE versions SET tags = '\\x05' WHERE rid = 1");
    server.session().run("COMMIT");
    const View view = server.view();
    CHECK_TEXT("0: 1 free of 1\n1: 2 free of 2\n", server.facts(view, {1, 2}));
    try {
        server.listed(view, kRed.node());
        CPPUNIT_FAIL("damaged tags were taken for tags");
    } catch (const PostgresError& e) {
        CHECK_MESSAGE(e.message, e.damaged());
    }
}
