// The tables of a tenant's file, and bringing an older file up to date.
//
// A version's row number is the LSN that made it, so rows stand in the order of the feed. Constants and one function.
#pragma once

#include "connection.hpp"

namespace engram::storage_sqlite {

// Makes the tables in an empty file, brings those of an older schema up to date, in one transaction. Throws SqliteError
// (NOTADB if the file is something else, or of a newer schema).
void migrate(Connection& writer);

}  // namespace engram::storage_sqlite
