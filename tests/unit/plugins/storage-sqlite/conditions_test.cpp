// That conditions decided by values, intervals and what is kept in memory pass the rows that the filter language lets pass.
#include "storage-sqlite/reader.hpp"
#include "storage-sqlite/row.hpp"
#include "storage-sqlite/scoped_rows.hpp"
#include "storage-sqlite/writer.hpp"

#include "support/temporary_folder.hpp"
#include "support/test.hpp"

#include <engram/cpp/filter.hpp>
#include <engram/cpp/text.hpp>

#include <atomic>
#include <limits>
#include <string>
#include <thread>
#include <vector>

using namespace engram::storage_sqlite;
namespace filter = engram::filter;
using engram::testing::TemporaryFolder;
using Clock = std::chrono::steady_clock;

namespace {

constexpr int64_t kLeast = std::numeric_limits<int64_t>::min(), kMost = std::numeric_limits<int64_t>::max();

std::shared_ptr<Tenant> open(const TemporaryFolder& folder, const Options& options = {}) {
    auto tenant = std::make_shared<Tenant>(folder.path(), options);
    tenant->loadIndex();
    return tenant;
}

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
        integer(kLeast), integer(kLeast + 1), integer(-1), integer(0), integer(5), integer(6), integer(kMost), real(5),
        real(5.5), real(-1e300), real(1e300), real(0), real(std::numeric_limits<double>::quiet_NaN()),
        real(0.41866852935895693), boolean(0), boolean(1), text(""), text("5"), text("note"), text("no"), text("red"),
        text("default")};
    return values;
}

void compare(Tenant& tenant, Connection& reader, uint32_t field, const char* path = "") {
    reader.takeSnapshot(tenant.generation());
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
    reader.dropSnapshot();  // a purge waits for it
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

void putMetadata(Tenant& tenant, uint8_t number, const std::string& json) {
    engram_record record = blank(number);
    record.metadata = engram::borrow(json);
    put(tenant, record);
}

MetadataColumn& columnOf(Tenant& tenant, const char* path) {
    MetadataColumn* column = tenant.metadata.of(path, Clock::now());
    CHECK(column != nullptr);
    return *column;
}

// Asks for a column and has it filled.
MetadataColumn& filled(Tenant& tenant, const char* path) {
    MetadataColumn& column = columnOf(tenant, path);
    tenant.maintain();
    CHECK_EQ(tenant.facts.rows().size(), size_t(column.places()));
    return column;
}

const std::vector<std::string>& oddDocuments() {
    static const std::vector<std::string> documents = {
        "", "{}", R"({"a": null})", R"({"a": 5})", R"({"a": 5.0})", R"({"a": -0.0})", R"({"a": 0.41866852935895693})",
        R"({"a": 9223372036854775807})", R"({"a": 18446744073709551615})", R"({"a": 1e300})", R"({"a": 1E400})",
        R"({"a": true})", R"({"a": false})", R"({"a": ""})", R"({"a": "note"})", R"({"a": "\u006eote\u0000"})",
        R"({"a": "\ud83d\ude00 no"})",
        R"({"a": [5, "red", null, [6], {"b": 1}, 5.5, true, 0.41866852935895693]})", R"({"a": []})", R"({"a": [[]]})",
        R"({"a": {"b": 5}})", R"({"a": {"b": ["no", {"b": 6}]}})", R"({"a": {"b": null}})", R"({"a": [{"b": "red"}]})",
        R"({"a": 1, "a": "note"})", R"({"a/b": 5, "a~b": "note", "": "red", "0": 6})", "not json", "[5, 6]", R"("note")", "5",
        R"({"a": ")" + std::string(2000, 'n') + R"(note"})", R"({"a": [)" + std::string(2000, ' ') + "5]}",
        R"({"a": [")" + std::string(2000, 'n') + R"(", 5]})"};
    return documents;
}

// How many records a list finds whose metadata has "red" at /a.
size_t countRed(const std::shared_ptr<Tenant>& tenant) {
    const engram_value value = text("red");
    const engram_filter_node is_red{ENGRAM_EQ, ENGRAM_FIELD_METADATA, engram_lit("/a"), &value, 1, 0, 0};
    engram_list_query query{};
    query.size = sizeof query;
    query.order = ENGRAM_ORDER_CREATED;
    query.limit = 1000;
    query.scope.size = sizeof query.scope;
    query.scope.filter = {&is_red, 1};
    size_t found = 0;
    std::string next;
    const engram_rows rows{sizeof rows, 0, &found, [](void* n, size_t, const engram_record*) -> engram_status {
                               ++*static_cast<size_t*>(n);
                               return ENGRAM_OK;
                           }};
    Reader reader(tenant, tenant->takeReader(Clock::now() + std::chrono::seconds(10)), tenant->lsn());
    CHECK_EQ(engram_status(ENGRAM_OK), reader.list(query, rows, next));
    return found;
}

constexpr const char* kOddPaths[] = {"/a", "/a/b", "/a/0", "/a/0/b", "/a/01", "/a~1b", "/"};

void compareMetadata(Tenant& tenant, Connection& reader) {
    for (const char* path : kOddPaths) compare(tenant, reader, ENGRAM_FIELD_METADATA, path);
}

}  // namespace

TEST("a condition on a field in memory passes the rows that the filter language lets pass, at the edges of numbers too") {
    const TemporaryFolder folder;
    const auto tenant = open(folder);
    putTimes(*tenant);
    const auto reader = tenant->takeReader(Clock::now());
    for (const uint32_t field : {ENGRAM_FIELD_ID, ENGRAM_FIELD_WORKSPACE, ENGRAM_FIELD_TYPE, ENGRAM_FIELD_IMPORTANCE,
                                 ENGRAM_FIELD_CREATED_AT, ENGRAM_FIELD_UPDATED_AT, ENGRAM_FIELD_OCCURRED_AT,
                                 ENGRAM_FIELD_EXPIRES_AT, ENGRAM_FIELD_PINNED, ENGRAM_FIELD_NAME})
        compare(*tenant, *reader, field);
}

TEST("a condition on tags passes the same rows after updates, deletions, purges and a start as in the file") {
    const TemporaryFolder folder;
    const engram_str red = engram_lit("red"), note = engram_lit("note");
    const std::vector<std::vector<engram_str>> sets = {{}, {red}, {red, note}, {note, red}, {engram_lit("5")},
                                                       {engram_lit("no"), red, red}};
    {
        const auto tenant = open(folder);
        auto tag = [&](uint8_t number, const std::vector<engram_str>& tags) {
            engram_record record = blank(number);
            record.tags = tags.data();
            record.n_tags = tags.size();
            put(*tenant, record);
        };
        for (uint8_t i = 0; i < 12; ++i) tag(static_cast<uint8_t>(i + 1), sets[i % sets.size()]);
        const auto reader = tenant->takeReader(Clock::now());
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
    const auto reader = tenant->takeReader(Clock::now());
    compare(*tenant, *reader, ENGRAM_FIELD_TAG);
    const engram_value value = text("red");
    const engram_filter_node is_red{ENGRAM_EQ, ENGRAM_FIELD_TAG, {}, &value, 1, 0, 0};
    CHECK_TEXT("01111011111010", decided(*tenant, *reader, is_red));
}

TEST("a condition on metadata passes the same rows from memory as from the file, whatever the documents are") {
    const TemporaryFolder folder;
    const auto tenant = open(folder);
    uint8_t number = 0;
    for (const std::string& json : oddDocuments()) putMetadata(*tenant, ++number, json);
    const auto reader = tenant->takeReader(Clock::now());
    compareMetadata(*tenant, *reader);  // nothing is filled yet
    for (const char* path : kOddPaths) filled(*tenant, path);
    compareMetadata(*tenant, *reader);
    // What is written from here on is added, what is purged is gone.
    for (const std::string& json : oddDocuments()) putMetadata(*tenant, ++number, json);
    for (const uint8_t updated : {4, 15}) putMetadata(*tenant, updated, R"({"a": "red"})");
    for (const uint8_t deleted : {5, 16}) write(*tenant, ENGRAM_OP_DELETE, blank(deleted));
    for (const uint8_t purged : {4, 6, 18}) write(*tenant, ENGRAM_OP_PURGE, blank(purged));
    for (const char* path : kOddPaths)
        CHECK_EQ(tenant->facts.rows().size(), size_t(columnOf(*tenant, path).places()));
    compareMetadata(*tenant, *reader);
}

TEST("columns that are filled, written to, purged from and read at once are right in the end") {
    const TemporaryFolder folder;
    const auto tenant = open(folder);
    for (uint8_t number = 1; number <= 200; ++number) putMetadata(*tenant, number, R"({"a": "note"})");
    std::atomic<bool> ends{false};
    std::thread filling([&] {
        while (!ends) tenant->maintain();
    });
    std::thread reading([&] {
        while (!ends) CHECK(countRed(tenant) <= 200);
    });
    for (uint8_t number = 1; number <= 200; ++number) {
        putMetadata(*tenant, number, R"({"a": "red"})");
        if (number % 4 == 0) write(*tenant, ENGRAM_OP_PURGE, blank(number));
    }
    ends = true;
    filling.join();
    reading.join();
    filled(*tenant, "/a");
    const auto reader = tenant->takeReader(Clock::now());
    compare(*tenant, *reader, ENGRAM_FIELD_METADATA, "/a");
}

TEST("who asks a filter on metadata has its column filled") {
    const TemporaryFolder folder;
    const auto tenant = open(folder);
    for (uint8_t number = 1; number <= 200; ++number)
        putMetadata(*tenant, number, number % 4 == 0 ? R"({"a": "red"})" : R"({"a": "blue"})");
    CHECK_EQ(size_t(50), countRed(tenant));
    CHECK_EQ(uint32_t(200), columnOf(*tenant, "/a").places());
    putMetadata(*tenant, 1, R"({"a": "red"})");
    CHECK_EQ(size_t(51), countRed(tenant));
}

TEST("a long value is not kept, a short one in a long document is") {
    const TemporaryFolder folder;
    const auto tenant = open(folder);
    const std::string longer(MetadataColumn::kLongestValue, 'n');
    putMetadata(*tenant, 1, R"({"a": ")" + longer + R"(", "b": 1})");
    CHECK_EQ(MetadataColumn::kUnknown, filled(*tenant, "/a").numberOf(0));
    CHECK(MetadataColumn::kUnknown != filled(*tenant, "/b").numberOf(0));
    CHECK_EQ(MetadataColumn::kUnknown, columnOf(*tenant, "/b").numberOf(1));
}

TEST("a purge leaves nothing of a value in memory") {
    const TemporaryFolder folder;
    const auto tenant = open(folder);
    const std::string secret(900, 's'), json = R"({"a": ")" + secret + R"("})";
    for (const uint8_t number : {1, 2, 3}) putMetadata(*tenant, number, json);
    write(*tenant, ENGRAM_OP_PURGE, blank(1));
    MetadataColumn& column = filled(*tenant, "/a");
    CHECK_EQ(MetadataColumn::kUnknown, column.numberOf(0));
    CHECK_TEXT("s" + secret, column.value(column.numberOf(1)));
    const size_t before = column.bytes();
    write(*tenant, ENGRAM_OP_PURGE, blank(2));
    CHECK_EQ(before, column.bytes());
    write(*tenant, ENGRAM_OP_PURGE, blank(3));
    CHECK(column.bytes() + secret.size() < before);
    for (const uint32_t place : {0, 1, 2}) CHECK_EQ(MetadataColumn::kUnknown, column.numberOf(place));
}

TEST("columns of all tenants stay within their allowance, what they do not keep is read from the file") {
    const TemporaryFolder one, two;
    constexpr size_t kMost = 100 << 10;
    Options options;
    options.metadata = std::make_shared<Allowance>(kMost);
    {
        const auto first = open(one, options), second = open(two, options);
        auto putMany = [](Tenant& tenant, uint8_t n) {
            for (uint8_t number = 1; number <= n; ++number)
                putMetadata(tenant, number, R"({"a": "no)" + std::string(900, 'x') + std::to_string(number) + "\"}");
        };
        putMany(*first, 20);
        putMany(*second, 100);
        filled(*first, "/a");
        columnOf(*second, "/a");
        second->maintain();
        CHECK(columnOf(*second, "/a").places() > 0 && columnOf(*second, "/a").places() < 100);
        for (const auto& tenant : {first, second}) {
            putMetadata(*tenant, 101, R"({"a": "red"})");
            const auto reader = tenant->takeReader(Clock::now());
            compare(*tenant, *reader, ENGRAM_FIELD_METADATA, "/a");
        }
        CHECK(options.metadata->taken() <= kMost);
        CHECK_EQ(options.metadata->taken(), first->metadata.bytes() + second->metadata.bytes());
    }
    CHECK_EQ(size_t(0), options.metadata->taken());
}

TEST("eight paths have columns, the longest unused makes room after a minute, and goes after ten") {
    using namespace std::chrono_literals;
    MetadataColumns columns(std::make_shared<Allowance>(1 << 20));
    const auto start = Clock::now();
    for (size_t i = 0; i < MetadataColumns::kPaths; ++i)
        CHECK(columns.of("/" + std::to_string(i), start + std::chrono::seconds(i)) != nullptr);
    columns.add(0, R"({"0": "red"})");
    CHECK(columns.of("/another", start + 10s) == nullptr);
    CHECK(!columns.mayTrim(start + 10s));
    CHECK(columns.mayTrim(start + 60s));
    columns.trim(start + 60s);
    CHECK(!columns.mayTrim(start + 70s));
    CHECK(columns.of("/another", start + 70s) != nullptr);
    CHECK_EQ(uint32_t(0), columns.unfilled(1)->places());  // the new one; the others have a place each
    CHECK(columns.of("/0", start + 70s) == nullptr);
    columns.trim(start + 71s);
    CHECK(columns.mayTrim(start + 1h));
    for (size_t i = 0; i < MetadataColumns::kPaths; ++i) columns.trim(start + 1h);
    CHECK_EQ(size_t(0), columns.bytes());
    CHECK(!columns.mayTrim(start + 2h));
}
