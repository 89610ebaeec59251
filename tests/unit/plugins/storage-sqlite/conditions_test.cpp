// That conditions decided by values, intervals and what is kept in memory pass the rows that the filter language lets pass.
#include "storage-sqlite/row.hpp"
#include "storage-sqlite/scoped_rows.hpp"
#include "storage-sqlite/writer.hpp"

#include "support/temporary_folder.hpp"
#include "support/test.hpp"

#include <engram/cpp/filter.hpp>
#include <engram/cpp/text.hpp>

#include <limits>
#include <string>
#include <vector>

using namespace engram::storage_sqlite;
namespace filter = engram::filter;
using engram::testing::TemporaryFolder;

namespace {

constexpr int64_t kLeast = std::numeric_limits<int64_t>::min(), kMost = std::numeric_limits<int64_t>::max();

std::shared_ptr<Tenant> open(const TemporaryFolder& folder) { return std::make_shared<Tenant>(folder.path(), Options{}); }

engram_uuid idOf(uint8_t number) {
    engram_uuid id{};
    id.bytes[0] = 1;
    id.bytes[15] = number;
    return id;
}

// A record with nothing in it.
engram_record blank(uint8_t number) {
    engram_record record{};
    record.size = sizeof record;
    record.kind = ENGRAM_KIND_MEMORY;
    record.id = idOf(number);
    record.workspace = engram_lit("default");
    record.created_at = record.updated_at = record.occurred_at = record.expires_at = ENGRAM_TIME_NONE;
    record.valid_from = record.valid_until = ENGRAM_TIME_NONE;
    return record;
}

void write(Tenant& tenant, uint32_t kind, const engram_record& record) {
    const engram_op op{sizeof op, kind, &record, nullptr, ENGRAM_VERSION_ANY};
    engram_batch batch{};
    batch.size = sizeof batch;
    batch.ops = &op;
    batch.n_ops = 1;
    std::lock_guard writing(tenant.writer_mutex);
    CHECK_EQ(uint32_t(ENGRAM_APPLY_DONE), applyBatches(tenant, &batch, 1, Deadline::max()).front().outcome);
}

void put(Tenant& tenant, const engram_record& record) { write(tenant, ENGRAM_OP_PUT, record); }

engram_value text(const char* s) { return {ENGRAM_VALUE_STRING, 0, 0, 0, {s, std::char_traits<char>::length(s)}}; }
engram_value integer(int64_t i) { return {ENGRAM_VALUE_INTEGER, 0, i, 0, {}}; }
engram_value real(double d) { return {ENGRAM_VALUE_REAL, 0, 0, d, {}}; }
engram_value boolean(uint32_t b) { return {ENGRAM_VALUE_BOOL, b, 0, 0, {}}; }

// Which rows pass a filter of one condition, a digit each in the order of writing. `by` is asked for each of them.
template <class By>
std::string passing(Tenant& tenant, By&& by) {
    std::string out;
    for (uint32_t place = 0; place < tenant.facts.rows().size(); ++place)
        if (tenant.facts.rows()[place].rid != 0 && !tenant.facts.rows()[place].deleted) out += by(place) ? '1' : '0';
    return out;
}

std::string decided(Tenant& tenant, Connection& reader, const engram_filter_node& node) {
    const engram_filter of_one{&node, 1};
    Condition condition(of_one, 0, tenant, reader);
    return passing(tenant, [&](uint32_t place) { return condition.passes(place); });
}

// By the filter language over the row as the file has it.
std::string inFile(Tenant& tenant, Connection& reader, const engram_filter_node& node) {
    const engram_filter of_one{&node, 1};
    return passing(tenant, [&](uint32_t place) {
        Statement statement = reader.statement("SELECT " ENGRAM_ROW_COLUMNS " FROM versions WHERE rid = ?");
        statement.bind(1, tenant.facts.rows()[place].rid);
        CHECK(statement.step());
        Row row(statement);
        return filter::Evaluator<Row>(of_one, row).passes();
    });
}

const std::vector<engram_value>& someValues() {
    static const std::vector<engram_value> values = {
        integer(kLeast), integer(kLeast + 1), integer(-1), integer(0), integer(5), integer(6), integer(kMost), real(5), real(5.5),
        real(-1e300), real(1e300), real(0), real(std::numeric_limits<double>::quiet_NaN()), real(0.41866852935895693),
        boolean(0), boolean(1), text(""), text("5"), text("note"), text("no"), text("red"), text("default")};
    return values;
}

void compare(Tenant& tenant, Connection& reader, uint32_t field, const char* path = "") {
    engram_filter_node node{};
    node.field = field;
    node.path = {path, std::char_traits<char>::length(path)};
    auto same = [&] {
        const std::string told = std::to_string(field) + path + " op " + std::to_string(node.op) + ": ";
        CHECK_TEXT(told + inFile(tenant, reader, node), told + decided(tenant, reader, node));
    };
    for (node.op = ENGRAM_EQ; node.op <= ENGRAM_CONTAINS; ++node.op) {
        node.values = someValues().data();
        node.n_values = node.op == ENGRAM_IN ? 0 : 1;
        for (size_t i = 0; i < someValues().size(); ++i, ++node.values) same();
        node.values = someValues().data() + someValues().size() / 3;
        for (node.n_values = 2; node.op == ENGRAM_IN && node.n_values < someValues().size() / 2; ++node.n_values) same();
    }
}

void putTimes(Tenant& tenant) {
    uint8_t number = 0;
    for (const int64_t time : {kLeast, kLeast + 1, int64_t(-1), int64_t(0), int64_t(4), int64_t(5), int64_t(6), kMost}) {
        engram_record record = blank(++number);
        record.created_at = record.occurred_at = record.expires_at = time;
        record.updated_at = time == kLeast ? time : -time;
        record.importance = static_cast<double>(number) / 8;
        record.pinned = number % 2;
        if (number % 3 == 0) record.type = engram_lit("note");
        if (number % 3 == 1) record.type = engram_lit("5");
        if (number % 4 == 0) record.workspace = engram_lit("no");
        put(tenant, record);
    }
}

}  // namespace

TEST("a condition on a field in memory passes the rows that the filter language lets pass, at the edges of numbers too") {
    const TemporaryFolder folder;
    const auto tenant = open(folder);
    tenant->loadIndex();
    putTimes(*tenant);
    const auto reader = tenant->takeReader(std::chrono::steady_clock::now());
    for (const uint32_t field : {ENGRAM_FIELD_ID, ENGRAM_FIELD_WORKSPACE, ENGRAM_FIELD_TYPE, ENGRAM_FIELD_IMPORTANCE,
                                 ENGRAM_FIELD_CREATED_AT, ENGRAM_FIELD_UPDATED_AT, ENGRAM_FIELD_OCCURRED_AT,
                                 ENGRAM_FIELD_EXPIRES_AT, ENGRAM_FIELD_PINNED, ENGRAM_FIELD_NAME})
        compare(*tenant, *reader, field);
}

TEST("a condition on tags passes the same rows after updates, deletions, purges and a start as in the file") {
    const TemporaryFolder folder;
    const engram_str red = engram_lit("red"), note = engram_lit("note");
    const std::vector<std::vector<engram_str>> sets = {{}, {red}, {red, note}, {note, red}, {engram_lit("5")}, {engram_lit("no"), red, red}};
    {
        const auto tenant = open(folder);
        tenant->loadIndex();
        auto tag = [&](uint8_t number, const std::vector<engram_str>& tags) {
            engram_record record = blank(number);
            record.tags = tags.data();
            record.n_tags = tags.size();
            put(*tenant, record);
        };
        for (uint8_t i = 0; i < 12; ++i) tag(static_cast<uint8_t>(i + 1), sets[i % sets.size()]);
        const auto reader = tenant->takeReader(std::chrono::steady_clock::now());
        compare(*tenant, *reader, ENGRAM_FIELD_TAG);
        tag(1, sets[1]);
        tag(2, sets[0]);
        for (uint8_t deleted : {3, 4}) write(*tenant, ENGRAM_OP_DELETE, blank(deleted));
        tag(4, sets[5]);  // and back
        for (uint8_t purged : {5, 11}) write(*tenant, ENGRAM_OP_PURGE, blank(purged));
        tag(13, {engram_lit("new")});  // may take the number of tags that nobody has any more
        compare(*tenant, *reader, ENGRAM_FIELD_TAG);
    }
    const auto tenant = open(folder);
    tenant->loadIndex();
    const auto reader = tenant->takeReader(std::chrono::steady_clock::now());
    compare(*tenant, *reader, ENGRAM_FIELD_TAG);
    const engram_value value = text("red");
    const engram_filter_node is_red{ENGRAM_EQ, ENGRAM_FIELD_TAG, {}, &value, 1, 0, 0};
    CHECK_TEXT("01111011111010", decided(*tenant, *reader, is_red));
}
