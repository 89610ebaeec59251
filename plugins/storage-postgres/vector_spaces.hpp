// Making vector spaces, and filling them with vectors that come after their records. In a write's transaction that has the
// tenant's lock.
#pragma once

#include "session.hpp"

#include <engram/storage.h>

namespace engram::storage_postgres {

// The row of a space in the answer to kSpaces; -1: there is none.
int rowOf(const Result& spaces, uint32_t space);

// Sets the space's id and state: of the one with its name, or of a new one. ALREADY_EXISTS: that has other dimensions.
// `tenant` is the parameter of every statement. Throws PostgresError.
engram_status createSpace(Session& session, const Parameters& tenant, const Result& spaces, engram_space& space);

// Vectors for newest versions of live records in the space of that row; others are passed over. False, and nothing is done,
// if a number is not finite. Throws PostgresError.
bool fillVectors(Session& session, const Parameters& tenant, const Result& spaces, int row, const engram_fill* fills,
                 size_t n, uint64_t* filled);

}  // namespace engram::storage_postgres
