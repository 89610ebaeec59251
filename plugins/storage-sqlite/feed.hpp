// changes(): rows, edges and purges in the order of their LSNs. Uses a reading connection of its own.
#pragma once

#include "tenant.hpp"

#include <engram/storage.h>

namespace engram::storage_sqlite {

engram_status pushChanges(Tenant& tenant, Connection& reader, uint64_t after, uint32_t limit, const engram_changes& sink);

}  // namespace engram::storage_sqlite
