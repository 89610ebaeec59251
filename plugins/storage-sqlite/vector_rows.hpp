// The vectors of rows that are there already: which rows lack one, filling them in, dropping a space, counting.
//
// Runs on the connection it is given: a reader's on a reader, the writer's under the tenant's writer_mutex, when the tenant is
// ready to write. All throw SqliteError; then nothing was changed.
#pragma once

#include "tenant.hpp"

#include <engram/storage.h>

#include <cstdint>
#include <map>

namespace engram::storage_sqlite {

// Live rows of a kind at `at` without a vector in the space, rid above `after`, ascending, at most `limit`. Returns the first
// status of the sink that is not OK.
engram_status pushUnfilled(Connection& reader, uint64_t at, uint32_t space, uint32_t kind, uint64_t after, uint32_t limit,
                           uint32_t want, const engram_rows& rows);

// Gives current live rows their vectors, in one transaction; returns how many of the rows were taken.
uint64_t fillVectors(Tenant& tenant, const Space& space, const engram_fill* fills, size_t n);

// Takes the space and its vectors out of the file: every row that has one is written anew, in one transaction.
void dropVectors(Tenant& tenant, uint32_t space);

// How many current live rows have a vector, by space.
std::map<uint32_t, uint64_t> countVectors(Connection& reader);

}  // namespace engram::storage_sqlite
