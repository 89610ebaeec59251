// A whole database as bytes and back: for snapshot and restore. Need the database's mutex.
#pragma once

#include <string>
#include <string_view>

#include "database.hpp"

namespace engram::storage_memory {

std::string serialise(const Database& database);
// False if the bytes are not what serialise() made; the database is then unusable.
bool deserialise(std::string_view bytes, Database& database);

}  // namespace engram::storage_memory
