// Connections that end at the worst moment, and a pool that gives none away unclean.
#include "database.hpp"
#include "support/test.hpp"

#include <future>
#include <thread>

using namespace engram::storage_postgres;
using namespace engram::storage_postgres::testing;

namespace {

int64_t backendOf(Session& session) { return number(session, "SELECT pg_backend_pid()"); }

void end(Session& admin, int64_t backend) { admin.run("SELECT pg_terminate_backend(" + std::to_string(backend) + ")"); }

void awaitLock(Session& admin, int64_t backend) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (number(admin, "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND pid = " +
                             std::to_string(backend)) == 0) {
        CHECK_MESSAGE("the other session never waited for the lock", std::chrono::steady_clock::now() < deadline);
        std::this_thread::yield();
    }
}

int64_t recordsOf(const Database& database, const engram_uuid& tenant) {
    Session session(database.options());
    begin(session, tenant);
    return number(session, "SELECT count(*) FROM versions");
}

}  // namespace

TEST("a write whose connection ends while it waits for the tenant's lock has done nothing, and knows it") {
    const Database database;
    Session holder(database.options()), writer(database.options()), admin(database.options("ENGRAM_POSTGRES_ADMIN_URL"));
    create(holder, idOf(1));
    begin(holder, idOf(1));
    holder.queue(kLockTenant, Parameters().add(idOf(1))).flush();
    const int64_t backend = backendOf(writer);
    const OneRecord record(1, "text");
    Apply apply(writer, idOf(1), &record.batch(), 1);
    auto done = std::async(std::launch::async, [&] {
        try {
            apply.run();
            return std::string("went through");
        } catch (const PostgresError& e) {
            return std::string(e.lost() ? "lost" : "another error");
        }
    });
    awaitLock(admin, backend);
    end(admin, backend);
    CHECK_TEXT("lost", done.get());
    CHECK(!apply.maybeCommitted());
    CHECK(!writer.usable());
    holder.rollback();
    CHECK_EQ(int64_t(0), recordsOf(database, idOf(1)));
}

TEST("a connection that ends inside COMMIT: another session tells that the write was lost") {
    const Database database;
    Session owner(database.options("ENGRAM_POSTGRES_OWNER_URL"));
    // COMMIT itself waits for a lock that the test holds.
    owner.run("CREATE FUNCTION waits() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_advisory_xact_lock(77);"
              " RETURN NULL; END'");
    owner.run("CREATE CONSTRAINT TRIGGER waits AFTER UPDATE ON tenants DEFERRABLE INITIALLY DEFERRED FOR EACH ROW"
              " EXECUTE FUNCTION waits()");
    Session holder(database.options()), writer(database.options()), admin(database.options("ENGRAM_POSTGRES_ADMIN_URL"));
    create(holder, idOf(1));
    holder.run("SELECT pg_advisory_lock(77)");
    const int64_t backend = backendOf(writer);
    const OneRecord record(1, "text");
    Apply apply(writer, idOf(1), &record.batch(), 1);
    auto done = std::async(std::launch::async, [&] {
        try {
            return apply.run() ? std::string("went through") : std::string("no tenant");
        } catch (const PostgresError& e) {
            return std::string(e.lost() ? "lost" : "another error");
        }
    });
    awaitLock(admin, backend);
    end(admin, backend);
    CHECK_TEXT("lost", done.get());
    CHECK(apply.maybeCommitted());
    Session another(database.options());
    CHECK(apply.fate(another) == Apply::Fate::Lost);
    holder.run("SELECT pg_advisory_unlock(77)");
    CHECK_EQ(int64_t(0), recordsOf(database, idOf(1)));
}

TEST("a write that was committed is known by another session, until a later write has covered it") {
    const Database database;
    Session writer(database.options()), another(database.options());
    create(writer, idOf(1));
    const OneRecord first(1, "first"), second(2, "second");
    Apply apply(writer, idOf(1), &first.batch(), 1);
    CHECK(apply.run());
    CHECK(apply.fate(another) == Apply::Fate::Committed);
    Apply later(another, idOf(1), &second.batch(), 1);
    CHECK(later.run());
    CHECK(apply.fate(another) == Apply::Fate::Unknown);
}

TEST("the pool hands out sessions without a transaction, and no more than it has") {
    const Database database;
    Pool pool(database.options(), 2);
    {
        const auto one = pool.take();
        begin(**one, idOf(1));
    }
    const auto one = pool.take(), two = pool.take();
    CHECK_EQ(int64_t(1), number(**one, "SELECT count(*) FROM pg_settings WHERE name = 'transaction_read_only' AND setting = 'off'"));
    CHECK_TEXT("", (*one)->run("SELECT coalesce(current_setting('engram.tenant', true), '')").bytes(0, 0));
    try {
        pool.take(std::chrono::milliseconds(1));
        CPPUNIT_FAIL("a third of two");
    } catch (const PostgresError& e) {
        CHECK_TEXT("53300", e.state);
        CHECK(!e.full());
    }
}

TEST("a read over a connection that was ended in the meantime is done by another one") {
    const Database database;
    Pool pool(database.options(), 1);
    Session admin(database.options("ENGRAM_POSTGRES_ADMIN_URL"));
    const int64_t backend = pool.run([](Session& session) { return backendOf(session); });
    end(admin, backend);
    int attempts = 0;
    const int64_t next = pool.run([&](Session& session) {
        ++attempts;
        return backendOf(session);
    });
    CHECK(next != backend);
    CHECK(attempts >= 1 && attempts <= 2);
}

TEST("a statement that takes too long is ended, and the connection goes on") {
    const Database database;
    ConnectOptions options = database.options();
    options.statement = std::chrono::milliseconds(100);
    Session session(options);
    try {
        session.run("SELECT pg_sleep(60)");
        CPPUNIT_FAIL("slept");
    } catch (const PostgresError& e) {
        CHECK_TEXT("57014", e.state);
        CHECK(!e.lost());
    }
    CHECK(session.rollback());
    CHECK_EQ(int64_t(1), number(session, "SELECT 1"));
}

TEST("a failed statement in the middle of a pipeline fails the pipeline with its reason, and those after it are not run") {
    const Database database;
    Session session(database.options());
    create(session, idOf(1));
    begin(session, idOf(1));
    const Statement wrong{"wrong", "SELECT 1 / 0"};
    session.queue(wrong).queue(kStats, Parameters().add(idOf(1))).queue(kCommit);
    try {
        session.flush();
        CPPUNIT_FAIL("went through");
    } catch (const PostgresError& e) {
        CHECK_TEXT("22012", e.state);
    }
    CHECK(session.rollback());
    // What was not run was not prepared either.
    begin(session, idOf(1));
    CHECK_EQ(1, session.queue(kStats, Parameters().add(idOf(1))).flush()[0].rows());
}

TEST("an address where nobody listens fails with a reason that has no password in it") {
    ConnectOptions options;
    options.url = "postgresql://someone:hunter2-secret@127.0.0.1:1/nowhere";
    options.schema = "x";
    try {
        Session session(options);
        CPPUNIT_FAIL("connected");
    } catch (const PostgresError& e) {
        CHECK(e.lost());
        CHECK(e.message.find("127.0.0.1") != std::string::npos);
        CHECK(e.message.find("hunter2") == std::string::npos);
    }
}
