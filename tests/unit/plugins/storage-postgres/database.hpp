// A schema of its own in the PostgreSQL that the test runs beside (tests/support/postgres.py).
#pragma once

#include "storage-postgres/apply.hpp"
#include "storage-postgres/pool.hpp"
#include "storage-postgres/reading.hpp"
#include "storage-postgres/schema.hpp"
#include "storage-postgres/session.hpp"

#include <engram/record.h>

#include <cstring>
#include <string>
#include <vector>

namespace engram::storage_postgres::testing {

std::string environment(const char* name);

class Database {
public:
    Database();  // migrated

    ConnectOptions options(const char* url = "ENGRAM_POSTGRES_URL") const;

    const std::string schema;
};

engram_uuid idOf(uint8_t number);

// Begins a transaction of the tenant.
void begin(Session& session, const engram_uuid& tenant);
void create(Session& session, const engram_uuid& tenant);

// A batch that puts one record with a text.
class OneRecord {
public:
    OneRecord(uint8_t number, const char* text, uint32_t pinned = 0);
    const engram_batch& batch() const { return batch_; }

private:
    engram_record record_{};
    engram_op op_{};
    engram_batch batch_{};
};

// Each is a transaction of its own, which must be done.
void apply(Session& session, const engram_uuid& tenant, const engram_op& op);
void put(Session& session, const engram_uuid& tenant, const OneRecord& record);
void onRecord(Session& session, const engram_uuid& tenant, uint32_t kind, uint8_t number);  // ENGRAM_OP_DELETE, _PURGE

// A number from a query of one row and column, as bigint.
int64_t number(Session& session, const std::string& sql);

}  // namespace engram::storage_postgres::testing
