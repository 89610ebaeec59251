#include "database.hpp"

#include "support/test.hpp"

#include <atomic>
#include <cstdlib>

namespace engram::storage_postgres::testing {
namespace {

std::string freshSchema() {
    static std::atomic<unsigned> n{0};
    return "unit" + std::to_string(++n);
}

}  // namespace

std::string environment(const char* name) {
    const char* value = std::getenv(name);
    CHECK_MESSAGE(std::string(name) + " is not set: run this through tests/support/postgres.py", value != nullptr);
    return value;
}

Database::Database() : schema(freshSchema()) {
    Session owner(options("ENGRAM_POSTGRES_OWNER_URL"));
    migrate(owner, schema, "engram_app");
}

ConnectOptions Database::options(const char* url) const {
    ConnectOptions out;
    out.url = environment(url);
    out.schema = schema;
    return out;
}

engram_uuid idOf(uint8_t number) {
    engram_uuid id{};
    id.bytes[0] = 1;
    id.bytes[15] = number;
    return id;
}

void begin(Session& session, const engram_uuid& tenant) {
    session.queue(kBeginWrite).queue(kTenant, Parameters().add(tenant)).flush();
}

void create(Session& session, const engram_uuid& tenant) {
    begin(session, tenant);
    session.queue(kCreateTenant, Parameters().add(tenant)).queue(kCommit).flush();
}

OneRecord::OneRecord(uint8_t number, const char* text, uint32_t pinned) {
    record_.size = sizeof record_;
    record_.kind = ENGRAM_KIND_MEMORY;
    record_.id = idOf(number);
    record_.workspace = engram_lit("default");
    record_.text = engram_lit(text);
    record_.pinned = pinned;
    record_.occurred_at = record_.expires_at = record_.valid_from = record_.valid_until = ENGRAM_TIME_NONE;
    op_ = {sizeof op_, ENGRAM_OP_PUT, &record_, nullptr, ENGRAM_VERSION_ANY};
    batch_.size = sizeof batch_;
    batch_.ops = &op_;
    batch_.n_ops = 1;
}

void apply(Session& session, const engram_uuid& tenant, const engram_op& op) {
    engram_batch batch{};
    batch.size = sizeof batch;
    batch.ops = &op;
    batch.n_ops = 1;
    Apply once(session, tenant, &batch, 1);
    CHECK(once.run());
    CHECK_EQ(uint32_t(ENGRAM_APPLY_DONE), once.results()[0].outcome);
}

void put(Session& session, const engram_uuid& tenant, const OneRecord& record) {
    apply(session, tenant, record.batch().ops[0]);
}

void onRecord(Session& session, const engram_uuid& tenant, uint32_t kind, uint8_t number) {
    engram_record record{};
    record.size = sizeof record;
    record.id = idOf(number);
    record.updated_at = 1;
    apply(session, tenant, {sizeof(engram_op), kind, &record, nullptr, ENGRAM_VERSION_ANY});
}

int64_t number(Session& session, const std::string& sql) {
    return session.run("SELECT (" + sql + ")::bigint").integer(0, 0);
}

}  // namespace engram::storage_postgres::testing
