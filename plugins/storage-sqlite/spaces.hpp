// The vector spaces that a tenant has: their rows in the file and what is known of them in memory. Call under the writer's
// mutex, on a tenant that is ready to be written.
#pragma once

#include "tenant.hpp"

#include <cstdint>
#include <string_view>

namespace engram::storage_sqlite {

Space* findSpace(Tenant& tenant, uint32_t id);  // nullptr: there is none
// The one of that name if there is one, whatever its dimensions. Throws SqliteError.
Space createSpace(Tenant& tenant, std::string_view name, uint32_t dimensions);
// Gives one space the state and takes it from the one that had it. Throws SqliteError.
void markSpace(Tenant& tenant, uint32_t space, uint32_t state);

}  // namespace engram::storage_sqlite
