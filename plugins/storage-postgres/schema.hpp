// The tables and their policies: made by an owner role, checked before an application role uses them. One thread.
#pragma once

#include "session.hpp"

#include <span>
#include <string>

namespace engram::storage_postgres {

// A tenant's table as snapshot, restore and erase see it: everything but the column `tenant`.
struct Table {
    const char* name;
    Statement select;  // $1 tenant; in the order of its key
    Statement insert;  // $1 tenant, then an array a column
    Statement remove;
    std::span<const Type> columns;
    size_t added = 0;  // how many of the last columns a stream of version 1 does not have: int4, 0 for its rows
};
std::span<const Table> tables();

// Brings `schema` to this version as the owner, in one transaction, and lets `application` use it. Throws PostgresError.
void migrate(Session& owner, const std::string& schema, const std::string& application);

// Empty, or why the session's role must not serve: it could go past row-level security, or the tables are not there.
std::string complaint(Session& application, const std::string& schema);

}  // namespace engram::storage_postgres
