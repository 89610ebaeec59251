// Filters: what each operator says of each field, in every read that takes a scope.
#include <cmath>

#include "store.hpp"
#include "support/test.hpp"

using namespace engram::conformance;

namespace {

Record note(uint64_t id, const std::string& text, const std::string& metadata = "") {
    Record r;
    r.id = idOf(id);
    r.text = text;
    r.metadata = metadata;
    r.terms = {{"word", 1}};
    r.length = 1;
    return r;
}

// A store in which every record has the word "word" and a vector, and a view of its newest state.
class Notes {
public:
    explicit Notes(std::vector<Record> records) {
        const uint32_t space = space_ = fresh_.store.createSpace("model", 2);
        std::vector<Op> ops;
        for (Record& record : records) {
            record.vectors[space] = {1, 0};
            ops.push_back(put(record));
        }
        fresh_.store.write(ops);
    }

    Store& store() { return fresh_.store; }

    // Numbers of the records that pass, the same by every read, twice: what the first has learnt must not change the second.
    std::string passing(const Condition& condition) {
        const auto view = fresh_.store.view();
        const Scope scope{ENGRAM_KIND_ANY, {}, {condition}};
        const std::string listed = numbers(view->listAll({scope}));
        for (int i = 0; i < 2; ++i) {
            std::vector<Record> matched, near;
            for (const Posting& posting : view->match(scope, {"word"})) matched.push_back(view->byRid(posting.rid).value());
            for (const auto& neighbour : view->nearest(scope, space_, {1, 0}, 100))
                near.push_back(view->byRid(neighbour.rid).value());
            CHECK_TEXT(listed, numbers(matched));
            CHECK_TEXT(listed, numbers(near));
            CHECK_TEXT(listed, numbers(view->listAll({scope})));
        }
        return listed;
    }

    std::string containing(const std::string& path, Value value) {
        return passing(whereMetadata(path, ENGRAM_CONTAINS, {std::move(value)}));
    }

private:
    static std::string numbers(const std::vector<Record>& records) {
        std::map<int, int> sorted;
        for (const Record& record : records) ++sorted[record.id[15]];
        std::string out;
        for (const auto& [number, times] : sorted)
            for (int i = 0; i < times; ++i) out += (out.empty() ? "" : " ") + std::to_string(number);
        return out;
    }

    Fresh fresh_;
    uint32_t space_ = 0;
};

Condition whereText(uint32_t op, std::vector<Value> values) { return where(ENGRAM_FIELD_TEXT, op, std::move(values)); }

}  // namespace

TEST("a text contains what is in it byte by byte, and every present text the empty one") {
    Notes notes({note(1, "Ada drinks t\xc3\xa9\x61"), note(2, "ada"), note(3, ""), note(4, "a%d_a")});
    auto containing = [&](Value value) { return notes.passing(whereText(ENGRAM_CONTAINS, {std::move(value)})); };
    CHECK_TEXT("1", containing(text("Ada")));
    CHECK_TEXT("2", containing(text("ada")));
    CHECK_TEXT("1", containing(text("\xa9")));  // the second byte of a character
    CHECK_TEXT("1", containing(text("Ada drinks t\xc3\xa9\x61")));
    CHECK_TEXT("", containing(text("Ada drinks t\xc3\xa9\x61 ")));
    CHECK_TEXT("4", containing(text("%")));
    CHECK_TEXT("4", containing(text("_")));
    CHECK_TEXT("1 2 4", containing(text("")));
    CHECK_TEXT("", containing(integer(1)));
    CHECK_TEXT("", containing(boolean(1)));
    CHECK_TEXT("3", notes.passing(negate(whereText(ENGRAM_CONTAINS, {text("")}))));
}

TEST("a record's text is a field like others, absent if it is empty") {
    Notes notes({note(1, "b"), note(2, "a"), note(3, ""), note(4, "ab")});
    CHECK_TEXT("1", notes.passing(whereText(ENGRAM_EQ, {text("b")})));
    CHECK_TEXT("", notes.passing(whereText(ENGRAM_EQ, {text("")})));
    CHECK_TEXT("2 3 4", notes.passing(whereText(ENGRAM_NE, {text("b")})));
    CHECK_TEXT("2 4", notes.passing(whereText(ENGRAM_LT, {text("b")})));
    CHECK_TEXT("1 2 4", notes.passing(whereText(ENGRAM_LE, {text("b")})));
    CHECK_TEXT("1 4", notes.passing(whereText(ENGRAM_GT, {text("a")})));
    CHECK_TEXT("1 2 4", notes.passing(whereText(ENGRAM_GE, {text("")})));
    CHECK_TEXT("1 4", notes.passing(whereText(ENGRAM_IN, {text("ab"), text("b"), text("c"), integer(1)})));
    CHECK_TEXT("1 2 4", notes.passing(whereText(ENGRAM_EXISTS, {})));
}

TEST("every field that is a text may be asked what it contains, others contain nothing") {
    Record r = note(1, "text");
    r.workspace = "work";
    r.name = "the name";
    r.type = "a fact";
    r.parent = idOf(7);
    r.tags = {"green tea"};
    Record bare = note(2, "");
    bare.position = 1;
    Notes notes({r, bare});
    auto containing = [&](uint32_t field, Value value) {
        return notes.passing(where(field, ENGRAM_CONTAINS, {std::move(value)}));
    };
    CHECK_TEXT("1", containing(ENGRAM_FIELD_WORKSPACE, text("or")));
    CHECK_TEXT("1 2", containing(ENGRAM_FIELD_WORKSPACE, text("")));
    CHECK_TEXT("1", containing(ENGRAM_FIELD_NAME, text("e n")));
    CHECK_TEXT("1", containing(ENGRAM_FIELD_NAME, text("")));
    CHECK_TEXT("1", containing(ENGRAM_FIELD_TYPE, text("fact")));
    CHECK_TEXT("1", containing(ENGRAM_FIELD_TYPE, text("")));
    CHECK_TEXT("1", containing(ENGRAM_FIELD_PARENT, text("000007")));
    CHECK_TEXT("1", containing(ENGRAM_FIELD_PARENT, text("-")));
    CHECK_TEXT("2", containing(ENGRAM_FIELD_ID, text("000002")));
    for (const uint32_t field : {ENGRAM_FIELD_IMPORTANCE, ENGRAM_FIELD_CREATED_AT, ENGRAM_FIELD_OCCURRED_AT,
                                 ENGRAM_FIELD_POSITION, ENGRAM_FIELD_PINNED})
        for (const Value& value : {text(""), integer(1), integer(1000), real(0.5), boolean(0)})
            CHECK_TEXT("", containing(field, value));
}

TEST("tags contain a tag that is equal") {
    Record r = note(1, "");
    r.tags = {"green tea", "x"};
    Notes notes({r, note(2, "")});
    auto containing = [&](Value value) { return notes.passing(where(ENGRAM_FIELD_TAG, ENGRAM_CONTAINS, {std::move(value)})); };
    CHECK_TEXT("1", containing(text("green tea")));
    CHECK_TEXT("", containing(text("tea")));
    CHECK_TEXT("", containing(text("")));
    CHECK_TEXT("", containing(integer(1)));
}

TEST("a text in metadata contains its pieces, an array the elements that are equal") {
    Notes notes({note(1, "", R"({"m":"tea and sea"})"), note(2, "", R"({"m":["tea","sea",""]})"),
                 note(3, "", R"({"m":[1,2.5,9007199254740993,true,null]})"), note(4, "", R"({"m":[["tea"],{"tea":1}]})"),
                 note(5, "", R"({"m":{"tea":"tea"}})"), note(6, "", R"({"m":1})"), note(7, "", R"({"m":null})"),
                 note(8, "", R"({"m":""})"), note(9, "", "not JSON"), note(10, ""), note(11, "", R"({"m":[]})"),
                 note(12, "", R"({"m":[1.0,false,"1",9007199254740992]})")});
    CHECK_TEXT("1 2", notes.containing("/m", text("tea")));
    CHECK_TEXT("1", notes.containing("/m", text("ea a")));
    CHECK_TEXT("1 2 8", notes.containing("/m", text("")));
    CHECK_TEXT("3 12", notes.containing("/m", integer(1)));
    CHECK_TEXT("3 12", notes.containing("/m", real(1)));
    CHECK_TEXT("12", notes.containing("/m", text("1")));
    CHECK_TEXT("3", notes.containing("/m", real(2.5)));
    CHECK_TEXT("3", notes.containing("/m", integer(9007199254740993)));
    CHECK_TEXT("12", notes.containing("/m", integer(9007199254740992)));
    CHECK_TEXT("12", notes.containing("/m", real(9007199254740992)));
    CHECK_TEXT("3", notes.containing("/m", boolean(1)));
    CHECK_TEXT("12", notes.containing("/m", boolean(0)));
    CHECK_TEXT("", notes.containing("/m", integer(0)));
    CHECK_TEXT("2 4", notes.containing("/m/0", text("tea")));
    CHECK_TEXT("2", notes.containing("/m/0", text("te")));
    CHECK_TEXT("5", notes.containing("/m/tea", text("e")));
    CHECK_TEXT("", notes.containing("/absent", text("")));
    CHECK_TEXT("2 3 4 5 6 7 8 9 10 11 12",
               notes.passing(negate(whereMetadata("/m", ENGRAM_CONTAINS, {text("tea and")}))));
}

TEST("numbers in metadata compare to the last bit") {
    Notes notes({note(1, "", R"({"m":0.41866852935895693,"l":[0.41866852935895693]})")});
    const double beside = std::nextafter(0.41866852935895693, 1.0);
    CHECK_TEXT("1", notes.passing(whereMetadata("/m", ENGRAM_EQ, {real(0.41866852935895693)})));
    CHECK_TEXT("", notes.passing(whereMetadata("/m", ENGRAM_EQ, {real(beside)})));
    CHECK_TEXT("1", notes.containing("/l", real(0.41866852935895693)));
    CHECK_TEXT("", notes.containing("/l", real(beside)));
}

TEST("what is pinned is a bool, never absent") {
    Record r = note(1, "");
    r.pinned = 1;
    Notes notes({r, note(2, "")});
    auto pinned = [&](uint32_t op, std::vector<Value> values) {
        return notes.passing(where(ENGRAM_FIELD_PINNED, op, std::move(values)));
    };
    CHECK_TEXT("1", pinned(ENGRAM_EQ, {boolean(1)}));
    CHECK_TEXT("2", pinned(ENGRAM_EQ, {boolean(0)}));
    CHECK_TEXT("2", pinned(ENGRAM_NE, {boolean(1)}));
    CHECK_TEXT("1 2", pinned(ENGRAM_NE, {integer(1)}));
    CHECK_TEXT("", pinned(ENGRAM_EQ, {integer(1)}));
    CHECK_TEXT("2", pinned(ENGRAM_LT, {boolean(1)}));
    CHECK_TEXT("1", pinned(ENGRAM_GT, {boolean(0)}));
    CHECK_TEXT("1 2", pinned(ENGRAM_IN, {boolean(0), boolean(1)}));
    CHECK_TEXT("1 2", pinned(ENGRAM_EXISTS, {}));
    Record later = note(3, "");
    r.pinned = 0;
    later.pinned = 1;
    notes.store().write({put(r), put(later)});
    Scope scope{ENGRAM_KIND_ANY, {}, {where(ENGRAM_FIELD_PINNED, ENGRAM_EQ, {boolean(1)})}};
    CHECK(notes.store().view()->listAll({scope}).front().id == later.id);
    CHECK_EQ(size_t(1), notes.store().view()->match(scope, {"word"}).size());
}

TEST("a filter with an unknown operator or field, or not one value to contain, is an invalid argument") {
    Fresh f;
    const auto view = f.store.view();
    auto status = [&](const Condition& condition) {
        Page page;
        return view->tryList({{ENGRAM_KIND_ANY, {}, {condition}}}, page);
    };
    expect(ENGRAM_OK, status(whereText(ENGRAM_CONTAINS, {text("a")})), "the last operator and field");
    expect(ENGRAM_INVALID_ARGUMENT, status(whereText(ENGRAM_CONTAINS + 1, {text("a")})), "the operator after the last");
    expect(ENGRAM_INVALID_ARGUMENT, status(where(ENGRAM_FIELD_TEXT + 1, ENGRAM_EQ, {text("a")})), "the field after the last");
    expect(ENGRAM_INVALID_ARGUMENT, status(whereText(ENGRAM_CONTAINS, {})), "nothing to contain");
    expect(ENGRAM_INVALID_ARGUMENT, status(whereText(ENGRAM_CONTAINS, {text("a"), text("b")})), "two to contain");
}
