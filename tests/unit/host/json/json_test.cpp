#include "json/json.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include "support/test.hpp"

using engram::json::parse;

TEST("integers keep their value up to both 64-bit ends") {
    auto d = parse("[9223372036854775807,-9223372036854775808,18446744073709551615]");
    CHECK(d.ok());
    CHECK_EQ(INT64_MAX, (*d)[0].GetInt64());
    CHECK_EQ(INT64_MIN, (*d)[1].GetInt64());
    CHECK_EQ(UINT64_MAX, (*d)[2].GetUint64());
}

TEST("a number out of range is refused, not changed") {
    CHECK(!parse("[18446744073709551616]").ok());
    CHECK(!parse("[1e400]").ok());
    CHECK(!parse("[0.000000000000000000000001e-2147483639]").ok());
}

TEST("nesting beyond the limit is refused without recursion") {
    CHECK(parse(std::string(64, '[') + std::string(64, ']')).ok());
    CHECK(!parse(std::string(65, '[') + std::string(65, ']')).ok());
    CHECK(!parse(std::string(1000000, '[')).ok());
}

TEST("a repeated member name is refused") {
    CHECK(!parse(R"({"a":1,"a":2})").ok());
}

TEST("a NUL byte and invalid UTF-8 are refused") {
    CHECK(!parse(std::string_view("[1]\0[", 5)).ok());
    CHECK(!parse("[\"\xff\"]").ok());
    CHECK(!parse("[\"\xc0\xaf\"]").ok());
}

// The corpus says what every parser must do; where RFC 8259 leaves it open ("i_"), ours refuses all but
// these.
TEST("json-test-suite: y_ accepted, n_ refused, i_ as written down") {
    const std::string folder = engram::testing::corpora("json-test-suite/test_parsing");
    if (folder.empty() || !std::filesystem::exists(folder)) {
        std::cerr << "SKIPPED: set ENGRAM_CORPORA to the folder of test corpora\n";
        return;
    }
    // Huge exponents are refused, tiny ones too (std::from_chars reports both as out of range).
    const std::map<std::string, bool> open = {
        {"i_structure_500_nested_arrays.json", false},
        {"i_structure_UTF-8_BOM_empty_object.json", true},
        {"i_number_double_huge_neg_exp.json", false},
    };
    int seen = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        const std::string name = entry.path().filename();
        std::ifstream file(entry.path(), std::ios::binary);
        const std::string text((std::istreambuf_iterator<char>(file)), {});
        const bool accepted = parse(text).ok();
        if (name.rfind("y_", 0) == 0 && name != "y_object_duplicated_key.json" &&
            name != "y_object_duplicated_key_and_value.json")
            CHECK_MESSAGE(name, accepted);
        if (name.rfind("n_", 0) == 0) CHECK_MESSAGE(name, !accepted);
        if (name.rfind("i_", 0) == 0) {
            auto it = open.find(name);
            CHECK_MESSAGE(name + (accepted ? " was accepted" : " was refused"),
                          accepted == (it != open.end() && it->second));
        }
        ++seen;
    }
    CHECK_EQ(318, seen);
}
