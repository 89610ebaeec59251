// One read-only transaction as one round trip: BEGIN, the tenant, the questions, COMMIT.
#pragma once

#include "session.hpp"
#include "statements.hpp"

#include <initializer_list>
#include <vector>

namespace engram::storage_postgres {

struct Question {
    const Statement& statement;
    Parameters parameters;  // after the tenant, which is $1
};

// The answers in the order of the questions, all of one snapshot. Throws PostgresError.
std::vector<Result> read(Session& session, const engram_uuid& tenant, std::initializer_list<Question> questions);

}  // namespace engram::storage_postgres
