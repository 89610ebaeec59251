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

}  // namespace

TEST("numbers in metadata compare to the last bit") {
    Notes notes({note(1, "", R"({"m":0.41866852935895693})")});
    const double beside = std::nextafter(0.41866852935895693, 1.0);
    CHECK_TEXT("1", notes.passing(whereMetadata("/m", ENGRAM_EQ, {real(0.41866852935895693)})));
    CHECK_TEXT("", notes.passing(whereMetadata("/m", ENGRAM_EQ, {real(beside)})));
}
