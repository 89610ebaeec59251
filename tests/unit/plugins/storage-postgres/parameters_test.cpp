// The binary format, checked by PostgreSQL itself.
#include "database.hpp"
#include "support/test.hpp"

#include <limits>

using namespace engram::storage_postgres;
using namespace engram::storage_postgres::testing;

TEST("numbers, texts and bytes go to PostgreSQL and back unchanged") {
    const Database database;
    Session session(database.options());
    for (const int64_t value : {INT64_MIN, int64_t(-1), int64_t(0), int64_t(1), INT64_MAX}) {
        Parameters parameters;
        parameters.add(value).add(int32_t(value));
        const Result back = session.run("SELECT $1::bigint, $2::int, $1::bigint::text", parameters);
        CHECK_EQ(value, back.integer(0, 0));
        CHECK_EQ(int32_t(value), back.small(0, 1));
        CHECK_TEXT(std::to_string(value), back.bytes(0, 2));
    }
    for (const double value : {0.1, -1e300, std::numeric_limits<double>::denorm_min()}) {
        const Result back = session.run("SELECT $1::float8", Parameters().add(std::string_view(binary::real(value))));
        CHECK_EQ(value, binary::toReal(back.bytes(0, 0)));
    }
    std::string every;
    for (int c = 0; c < 256; ++c) every += static_cast<char>(c);
    CHECK(session.run("SELECT $1::bytea", Parameters().add(std::string_view(every))).bytes(0, 0) == every);
    CHECK_EQ(int64_t(256), session.run("SELECT length($1::bytea)::bigint", Parameters().add(std::string_view(every))).integer(0, 0));
}

TEST("arrays keep order, emptiness and NULL") {
    const Database database;
    Session session(database.options());
    Array numbers(Type::Integer), texts(Type::Text), none(Type::Uuid);
    numbers.add(int64_t(7)).addTime(ENGRAM_TIME_NONE).add(int64_t(-7));
    texts.add(std::string_view("a")).add(std::string_view("")).add(std::string_view("b'\"{},"));
    const Result rows = session.run("SELECT n, t FROM unnest($1::bigint[], $2::text[]) AS q(n, t)",
                                    Parameters().add(numbers).add(texts));
    CHECK_EQ(3, rows.rows());
    CHECK_EQ(int64_t(7), rows.integer(0, 0));
    CHECK(rows.isNull(1, 0));
    CHECK_EQ(ENGRAM_TIME_NONE, rows.time(1, 0));
    CHECK_TEXT("b'\"{},", rows.bytes(2, 1));
    CHECK_EQ(int64_t(0), session.run("SELECT count(*) FROM unnest($1::uuid[])", Parameters().add(none)).integer(0, 0));
}

TEST("values that are no text are refused by value, and the connection goes on") {
    const Database database;
    Session session(database.options());
    try {
        session.run("SELECT $1::text", Parameters().add(std::string_view("\xff")));
        CPPUNIT_FAIL("went through");
    } catch (const PostgresError& e) {
        CHECK(e.refusedValues() && !e.lost());
    }
    CHECK_EQ(int64_t(1), number(session, "SELECT 1"));
}
