#include "storage-sqlite/posting_cache.hpp"
#include "storage-sqlite/verdicts.hpp"

#include "support/test.hpp"

using namespace engram::storage_sqlite;

namespace {

PostingCache::ListPointer listOf(size_t n, uint64_t folded = 1) {
    auto list = std::make_shared<PostingCache::List>();
    for (uint32_t i = 0; i < n; ++i) list->postings.push_back({3 * i, 1});
    list->postings.shrink_to_fit();
    list->folded = folded;
    return list;
}

engram_filter_node tagged(const char* tag, engram_value& value) {
    value = {};
    value.type = ENGRAM_VALUE_STRING;
    value.string = {tag, std::char_traits<char>::length(tag)};
    engram_filter_node node{};
    node.op = ENGRAM_EQ;
    node.field = ENGRAM_FIELD_TAG;
    node.values = &value;
    node.n_values = 1;
    return node;
}

}  // namespace

TEST("the words of one tenant are not another's") {
    PostingCache cache(1 << 20);
    const uint64_t one = cache.newTenant(), two = cache.newTenant();
    CHECK(one != two);
    cache.keep(one, "tea", listOf(3));
    CHECK(cache.find(one, "tea") && !cache.find(two, "tea") && !cache.find(one, "te"));
    cache.keep(two, "tea", listOf(5));
    cache.forget(one);
    CHECK(!cache.find(one, "tea"));
    CHECK_EQ(size_t(5), cache.find(two, "tea")->postings.size());
    cache.forget(two);
    CHECK_EQ(size_t(0), cache.bytes());
}

TEST("the bound holds, and the longest unused word is the first to go") {
    constexpr size_t kBound = 20000;
    PostingCache cache(kBound);
    const uint64_t tenant = cache.newTenant();
    cache.keep(tenant, "often", listOf(10));
    for (int i = 0; i < 1000; ++i) {
        cache.keep(tenant, "word" + std::to_string(i), listOf(10));
        CHECK(cache.find(tenant, "often") != nullptr);
        CHECK(cache.bytes() <= kBound);
    }
    CHECK(!cache.find(tenant, "word0") && cache.find(tenant, "word999"));
    const auto held = cache.find(tenant, "often");
    cache.keep(tenant, "vast", listOf(100000));
    CHECK(!cache.find(tenant, "vast"));
    CHECK_EQ(size_t(10), held->postings.size());
}

TEST("a list takes the place of the one before it") {
    PostingCache cache(1 << 20);
    const uint64_t tenant = cache.newTenant();
    cache.keep(tenant, "tea", listOf(100, 1));
    const size_t before = cache.bytes();
    cache.keep(tenant, "tea", listOf(100, 2));
    CHECK_EQ(before, cache.bytes());
    CHECK_EQ(uint64_t(2), cache.find(tenant, "tea")->folded);
}

TEST("seeking goes over the folded part and the tail") {
    TermPostings postings;
    postings.folded = listOf(10);  // places 0, 3, ... 27
    postings.folded_count = 4;     // 0, 3, 6, 9
    postings.tail = {{20, 1}, {30, 2}};
    CHECK_EQ(size_t(6), postings.size());
    CHECK_EQ(size_t(0), postings.seek(0, 0));
    CHECK_EQ(size_t(2), postings.seek(0, 4));
    CHECK_EQ(size_t(3), postings.seek(3, 9));
    CHECK_EQ(size_t(4), postings.seek(0, 10));
    CHECK_EQ(size_t(5), postings.seek(4, 21));
    CHECK_EQ(size_t(6), postings.seek(5, 31));
    CHECK_EQ(2u, postings[5].tf);
    uint32_t sum = 0;
    postings.each([&](const PlacedPosting& posting) { sum += posting.place; });
    CHECK_EQ(0u + 3 + 6 + 9 + 20 + 30, sum);
}

TEST("a condition's verdicts are remembered, grow with the rows, and eight conditions at most") {
    using Verdict = ConditionVerdicts::Verdict;
    Verdicts verdicts;
    engram_value value;
    const auto first = verdicts.of(tagged("a", value), 10);
    first->note(3, Verdict::Yes);
    first->note(4, Verdict::No);
    first->note(1000000, Verdict::Yes);  // beyond what it is for: not kept
    CHECK(first->of(3) == Verdict::Yes && first->of(4) == Verdict::No && first->of(5) == Verdict::Unknown);
    CHECK(first->of(1000000) == Verdict::Unknown);
    CHECK(verdicts.of(tagged("b", value), 10)->of(3) == Verdict::Unknown);
    const auto grown = verdicts.of(tagged("a", value), 5000);
    CHECK(grown->places() >= 5000 && grown->of(3) == Verdict::Yes && grown->of(4) == Verdict::No);
    for (const char* tag : {"c", "d", "e", "f", "g", "h", "i", "j"}) verdicts.of(tagged(tag, value), 10);
    CHECK(verdicts.of(tagged("a", value), 10)->of(3) == Verdict::Unknown);
    CHECK(verdicts.bytes() < 10000);
    const std::string vast(100000, 'x');
    CHECK(verdicts.of(tagged(vast.c_str(), value), 10) == nullptr);
}

TEST("a count is kept for the question it was made for, and for no other") {
    PostingCache::Count count;
    int made = 0;
    const auto counted = [&](uint64_t n) { return [&made, n] { return ++made, n; }; };
    CHECK_EQ(uint64_t(7), count.get({2, 0, 10}, counted(7)));
    CHECK_EQ(uint64_t(7), count.get({2, 0, 10}, counted(8)));
    CHECK_EQ(1, made);
    CHECK_EQ(uint64_t(9), count.get({3, 0, 10}, counted(9)));   // other groups
    CHECK_EQ(uint64_t(6), count.get({3, 1, 10}, counted(6)));   // a row has left its group
    CHECK_EQ(uint64_t(11), count.get({3, 1, 12}, counted(11)));  // more postings
    CHECK_EQ(4, made);
}
