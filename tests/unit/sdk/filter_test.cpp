// The evaluator of engram/cpp/filter.hpp over fields that a test makes up, and what complaint() refuses.
#include <engram/cpp/filter.hpp>

#include "support/test.hpp"

#include <map>
#include <string>
#include <vector>

namespace filter = engram::filter;
using filter::Scalar;

namespace {

// Metadata by path: a scalar, or the elements of an array.
struct Fields {
    std::map<uint32_t, Scalar> fields;
    std::map<std::string, Scalar> metadata;
    std::map<std::string, std::vector<Scalar>> arrays;
    std::vector<std::string> all_tags;
    size_t tested = 0;  // elements of arrays

    std::optional<Scalar> field(const engram_filter_node& node) const {
        const std::string path(engram::view(node.path));
        if (node.field == ENGRAM_FIELD_METADATA && arrays.contains(path)) return Scalar{};
        if (node.field == ENGRAM_FIELD_METADATA) return find(metadata, path);
        return find(fields, node.field);
    }
    bool anyElement(const engram_filter_node& node, const filter::ElementTest& test) {
        const auto array = arrays.find(std::string(engram::view(node.path)));
        if (array == arrays.end()) return false;
        for (const Scalar& element : array->second) {
            ++tested;
            if (test(element)) return true;
        }
        return false;
    }
    const std::vector<std::string>& tags() const { return all_tags; }

private:
    template <class Map, class Key>
    static std::optional<Scalar> find(const Map& map, const Key& key) {
        const auto it = map.find(key);
        return it == map.end() ? std::nullopt : std::optional<Scalar>(it->second);
    }
};

engram_value text(const char* s) { return {ENGRAM_VALUE_STRING, 0, 0, 0, engram::borrow(s)}; }
engram_value integer(int64_t i) { return {ENGRAM_VALUE_INTEGER, 0, i, 0, {}}; }
engram_value real(double d) { return {ENGRAM_VALUE_REAL, 0, 0, d, {}}; }
engram_value boolean(uint32_t b) { return {ENGRAM_VALUE_BOOL, b, 0, 0, {}}; }

engram_filter_node node(uint32_t field, uint32_t op, const std::vector<engram_value>& values, const char* path = "") {
    return {op, field, engram::borrow(path), values.data(), values.size(), 0, 0};
}

bool passes(Fields& fields, const engram_filter_node& condition) {
    const engram_filter whole{&condition, 1};
    CHECK_TEXT("", filter::complaint(whole));
    return filter::Evaluator<Fields>(whole, fields).passes();
}

bool contains(Fields& fields, uint32_t field, const engram_value& value, const char* path = "") {
    const std::vector<engram_value> values{value};
    return passes(fields, node(field, ENGRAM_CONTAINS, values, path));
}

std::string complaintOf(const engram_filter_node& condition) { return filter::complaint({&condition, 1}); }

}  // namespace

TEST("a text contains its pieces byte by byte, an absent one nothing") {
    Fields fields;
    fields.fields[ENGRAM_FIELD_TEXT] = Scalar::ofText("t\xc3\xa9\x61 and sea");
    for (const char* piece : {"", "t\xc3\xa9", "\xa9", " and ", "t\xc3\xa9\x61 and sea"})
        CHECK_MESSAGE(piece, contains(fields, ENGRAM_FIELD_TEXT, text(piece)));
    for (const char* piece : {"T", "seas", "and  "}) CHECK_MESSAGE(piece, !contains(fields, ENGRAM_FIELD_TEXT, text(piece)));
    CHECK(!contains(fields, ENGRAM_FIELD_NAME, text("")));
    CHECK(!contains(fields, ENGRAM_FIELD_TEXT, integer(1)) && !contains(fields, ENGRAM_FIELD_TEXT, boolean(1)));
}

TEST("a text with NUL in it is searched to its end") {
    Fields fields;
    fields.metadata["/m"] = Scalar::ofText(std::string_view("a\0b", 3));
    CHECK(contains(fields, ENGRAM_FIELD_METADATA, text("b"), "/m"));
}

// Looked for anew at each place of the text it takes minutes.
TEST("a long piece that is nearly everywhere in a long text is looked for in little time") {
    const std::string whole(8 << 20, 'a'), piece = std::string(4 << 20, 'a') + "b";
    Fields fields;
    fields.fields[ENGRAM_FIELD_TEXT] = Scalar::ofText(whole);
    CHECK(!contains(fields, ENGRAM_FIELD_TEXT, text(piece.c_str())));
}

TEST("numbers, times and bools contain nothing, themselves neither") {
    Fields fields;
    fields.fields[ENGRAM_FIELD_IMPORTANCE] = Scalar::ofReal(1);
    fields.fields[ENGRAM_FIELD_CREATED_AT] = Scalar::ofInteger(1);
    fields.fields[ENGRAM_FIELD_PINNED] = Scalar::ofBool(true);
    for (const auto& [field, value] : fields.fields)
        for (const engram_value& v : {text(""), text("1"), integer(1), real(1), boolean(1)})
            CHECK(!contains(fields, field, v));
}

TEST("an array contains what one of its elements is equal to") {
    Fields fields;
    fields.arrays["/m"] = {Scalar::ofText("tea"), Scalar::ofInteger(9007199254740993), Scalar::ofReal(1), Scalar::ofBool(false),
                           Scalar{}};
    CHECK(contains(fields, ENGRAM_FIELD_METADATA, text("tea"), "/m"));
    CHECK(!contains(fields, ENGRAM_FIELD_METADATA, text("te"), "/m"));
    CHECK(!contains(fields, ENGRAM_FIELD_METADATA, text(""), "/m"));
    CHECK(contains(fields, ENGRAM_FIELD_METADATA, integer(9007199254740993), "/m"));
    CHECK(!contains(fields, ENGRAM_FIELD_METADATA, integer(9007199254740992), "/m"));
    CHECK(!contains(fields, ENGRAM_FIELD_METADATA, real(9007199254740992), "/m"));
    CHECK(contains(fields, ENGRAM_FIELD_METADATA, integer(1), "/m"));
    CHECK(contains(fields, ENGRAM_FIELD_METADATA, real(1), "/m"));
    CHECK(contains(fields, ENGRAM_FIELD_METADATA, boolean(0), "/m"));
    CHECK(!contains(fields, ENGRAM_FIELD_METADATA, boolean(1), "/m"));
    CHECK(!contains(fields, ENGRAM_FIELD_METADATA, integer(0), "/m"));
    CHECK(!contains(fields, ENGRAM_FIELD_METADATA, text("tea"), "/absent"));
}

TEST("the elements after the one that is equal are not looked at") {
    Fields fields;
    fields.arrays["/m"] = {Scalar::ofInteger(1), Scalar::ofInteger(2), Scalar::ofInteger(3)};
    CHECK(contains(fields, ENGRAM_FIELD_METADATA, integer(2), "/m"));
    CHECK_EQ(size_t(2), fields.tested);
}

TEST("an array exists and is equal to nothing, its own elements neither") {
    Fields fields;
    fields.arrays["/m"] = {Scalar::ofInteger(1)};
    const std::vector<engram_value> one{integer(1)};
    CHECK(passes(fields, node(ENGRAM_FIELD_METADATA, ENGRAM_EXISTS, {}, "/m")));
    CHECK(!passes(fields, node(ENGRAM_FIELD_METADATA, ENGRAM_EQ, one, "/m")));
    CHECK(!passes(fields, node(ENGRAM_FIELD_METADATA, ENGRAM_IN, one, "/m")));
    CHECK(passes(fields, node(ENGRAM_FIELD_METADATA, ENGRAM_NE, one, "/m")));
}

TEST("tags contain a tag that is equal, not a piece of one") {
    Fields fields;
    fields.all_tags = {"tea", "sea"};
    CHECK(contains(fields, ENGRAM_FIELD_TAG, text("sea")));
    CHECK(!contains(fields, ENGRAM_FIELD_TAG, text("se")) && !contains(fields, ENGRAM_FIELD_TAG, text("")));
    CHECK(!contains(fields, ENGRAM_FIELD_TAG, integer(1)));
}

TEST("operators, fields and numbers of values that are none are complained about") {
    const std::vector<engram_value> one{text("a")}, two{text("a"), text("b")};
    CHECK_TEXT("", complaintOf(node(ENGRAM_FIELD_TEXT, ENGRAM_CONTAINS, one)));
    CHECK_TEXT("", complaintOf(node(ENGRAM_FIELD_PINNED, ENGRAM_EXISTS, {})));
    CHECK_TEXT("unknown operator", complaintOf(node(ENGRAM_FIELD_TEXT, ENGRAM_CONTAINS + 1, one)));
    CHECK_TEXT("unknown field", complaintOf(node(ENGRAM_FIELD_TEXT + 1, ENGRAM_CONTAINS, one)));
    CHECK_TEXT("unknown field", complaintOf(node(0, ENGRAM_CONTAINS, one)));
    CHECK_TEXT("one value is expected", complaintOf(node(ENGRAM_FIELD_TEXT, ENGRAM_CONTAINS, {})));
    CHECK_TEXT("one value is expected", complaintOf(node(ENGRAM_FIELD_TEXT, ENGRAM_CONTAINS, two)));
    CHECK_TEXT("not an RFC 6901 pointer into metadata", complaintOf(node(ENGRAM_FIELD_METADATA, ENGRAM_CONTAINS, one, "m")));
}
