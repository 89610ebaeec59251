#include "storage-sqlite/lexical_index.hpp"

#include "support/test.hpp"

#include <map>

using namespace engram::storage_sqlite;

namespace {

RowFacts row(uint64_t rid, uint32_t workspace = 0, uint32_t length = 10) {
    RowFacts facts;
    facts.rid = rid;
    facts.workspace = workspace;
    facts.kind = ENGRAM_KIND_MEMORY;
    facts.length = length;
    return facts;
}

std::string terms(std::initializer_list<const char*> words) {
    std::string out;
    for (const char* word : words) encodeTerm(out, word, 1);
    return out;
}

// Rows of a term over all segments, which must ascend.
std::vector<uint64_t> rowsOf(const Tail& tail, const std::string& term) {
    std::vector<uint64_t> out;
    for (const auto& segment : tail.segments())
        if (auto it = segment->postings.find(term); it != segment->postings.end())
            for (const Posting& posting : it->second) {
                CHECK(posting.rid >= segment->first && posting.rid <= segment->last);
                CHECK(out.empty() || out.back() < posting.rid);
                out.push_back(posting.rid);
            }
    return out;
}

}  // namespace

TEST("a row is seen from the LSN that wrote it until the one that closed it") {
    Facts facts;
    facts.add(row(5));
    facts.close(5, 9);
    const RowFacts* found = facts.find(5);
    CHECK(!found->visibleAt(4) && found->visibleAt(5) && found->visibleAt(8) && !found->visibleAt(9));
}

TEST("totals count live rows once, whatever happens to them") {
    Facts facts;
    facts.add(row(1, 0, 10));
    facts.add(row(2, 0, 20));
    facts.add(row(3, 1, 40));
    CHECK_EQ(uint64_t(2), facts.totals(0, ENGRAM_KIND_MEMORY).documents);
    CHECK_EQ(uint64_t(30), facts.totals(0, ENGRAM_KIND_MEMORY).length);
    facts.close(1, 4);
    facts.remove(1);  // a purge of what was closed before
    CHECK_EQ(uint64_t(1), facts.totals(0, ENGRAM_KIND_MEMORY).documents);
    facts.remove(2);
    facts.remove(2);
    CHECK_EQ(uint64_t(0), facts.totals(0, ENGRAM_KIND_MEMORY).documents);
    CHECK_EQ(uint64_t(0), facts.totals(0, ENGRAM_KIND_MEMORY).length);
    CHECK_EQ(uint64_t(40), facts.totals(1, ENGRAM_KIND_MEMORY).length);
    RowFacts tombstone = row(7);
    tombstone.deleted = 1;
    facts.add(tombstone);
    CHECK_EQ(uint64_t(0), facts.totals(0, ENGRAM_KIND_MEMORY).documents);
    CHECK_EQ(uint64_t(0), facts.totals(9, ENGRAM_KIND_MEMORY).documents);
}

TEST("rows are found across gaps, removed ones are not") {
    Facts facts;
    std::vector<uint64_t> rids = {3, 4, 9, 10, 50, 1000};
    for (uint64_t rid : rids) facts.add(row(rid));
    for (uint64_t rid : rids) CHECK(facts.find(rid) && facts.find(rid)->rid == rid);
    for (uint64_t absent : {0, 1, 5, 8, 11, 49, 999, 1001}) CHECK(!facts.find(absent));
    facts.remove(9);
    CHECK(!facts.find(9));
    CHECK(facts.find(10) && facts.find(1000));
    CHECK(!Facts().find(1));
}

TEST("postings are placed across gaps, those of rows that never were are left out") {
    Facts facts;
    for (uint64_t rid : {3, 4, 9, 10, 50, 1000}) facts.add(row(rid));
    std::vector<PlacedPosting> placed;
    facts.place({{1, 1}, {3, 7}, {8, 1}, {10, 2}, {49, 1}, {50, 3}, {999, 1}, {1000, 4}, {2000, 1}}, placed);
    std::string shown;
    for (const PlacedPosting& p : placed) shown += std::to_string(p.place) + ":" + std::to_string(p.tf) + " ";
    CHECK_TEXT("0:7 3:2 4:3 5:4 ", shown);
    CHECK_EQ(0u, facts.placesUpTo(2));
    CHECK_EQ(2u, facts.placesUpTo(8));
    CHECK_EQ(6u, facts.placesUpTo(5000));
}

TEST("a live row is of the group of its workspace and kind, a closed or removed one of none") {
    Facts facts;
    facts.add(row(1, 0));
    facts.add(row(2, 1));
    facts.add(row(3, 0));
    CHECK_EQ(size_t(3), facts.groups().size());
    CHECK(facts.groupOf()[0] == facts.groupOf()[2] && facts.groupOf()[0] != facts.groupOf()[1]);
    CHECK_EQ(1u, facts.groups()[facts.groupOf()[1]].workspace);
    facts.close(1, 9);
    facts.remove(2);
    CHECK(facts.groupOf()[0] == 0 && facts.groupOf()[1] == 0 && facts.groupOf()[2] != 0);
}

TEST("names get numbers once") {
    Names names;
    const uint32_t a = names.number("a"), b = names.number("b");
    CHECK(a != b);
    CHECK_EQ(a, names.number("a"));
    CHECK_EQ(b, names.known("b"));
    CHECK_EQ(UINT32_MAX, names.known("c"));
    CHECK_TEXT("a", names.text(a));
}

TEST("a type and tags are kept once, and nothing of them when the last row that has them is removed") {
    Facts facts;
    const std::string long_tags(1000, 't');
    for (uint64_t rid = 1; rid <= 2; ++rid) facts.add(row(rid), "note", long_tags);
    facts.add(row(3), "fact", "");
    CHECK_EQ(facts.tagsOf()[0], facts.tagsOf()[1]);
    CHECK(facts.tagsOf()[0] != facts.tagsOf()[2] && facts.typeOf()[0] != facts.typeOf()[2]);
    const size_t before = facts.bytes();
    facts.remove(1);
    facts.remove(1);
    CHECK_EQ(before, facts.bytes());
    CHECK_TEXT(long_tags, facts.tags(facts.tagsOf()[1]));
    CHECK_TEXT("note", facts.type(facts.typeOf()[1]));
    const uint32_t number = facts.tagsOf()[1];
    facts.remove(2);
    CHECK(facts.bytes() + long_tags.size() < before);
    facts.add(row(4), "note", "others");
    CHECK_EQ(number, facts.tagsOf()[3]);
    CHECK_TEXT("others", facts.tags(number));
    CHECK_TEXT("fact", facts.type(facts.typeOf()[2]));
}

TEST("rows whose number was known take 112 bytes each and some room for more") {
    Facts facts;
    facts.reserve(10000);
    for (uint64_t rid = 1; rid <= 10000; ++rid) facts.add(row(rid), "note", "tags");
    CHECK(facts.bytes() >= 10000 * 112 && facts.bytes() < 10000 * 112 * 5 / 4);
}

TEST("sealed after every row, the tail stays a handful of segments with every posting") {
    Tail tail;
    for (uint64_t rid = 1; rid <= 3000; ++rid) {
        tail.add(rid, rid % 3 ? terms({"all"}) : terms({"all", "third"}));
        CHECK(tail.unsealed());
        tail.seal();
    }
    CHECK(!tail.unsealed());
    CHECK_EQ(size_t(3000), tail.rows());
    CHECK_EQ(size_t(3000), rowsOf(tail, "all").size());
    CHECK_EQ(size_t(1000), rowsOf(tail, "third").size());
    CHECK_MESSAGE(std::to_string(tail.segments().size()), tail.segments().size() <= 16);
    for (const auto& segment : tail.segments()) CHECK(segment->rows <= 1000);
}

TEST("many rows sealed at once become segments of bounded size") {
    Tail tail;
    for (uint64_t rid = 1; rid <= 2500; ++rid) tail.add(rid, terms({"all"}));
    tail.seal();
    CHECK_EQ(size_t(2500), rowsOf(tail, "all").size());
    CHECK(tail.segments().size() >= 3);
}

TEST("a search keeps the segments it has seen while the tail goes on") {
    Tail tail;
    tail.add(1, terms({"tea"}));
    tail.seal();
    const Segments seen = tail.segments();
    tail.add(2, terms({"tea"}));
    tail.seal();
    tail.remove(1);
    CHECK_EQ(size_t(1), seen.size());
    CHECK_EQ(uint64_t(1), seen[0]->postings.at("tea").at(0).rid);
    CHECK((rowsOf(tail, "tea") == std::vector<uint64_t>{2}));
}

TEST("a removed row leaves no word behind, sealed or not") {
    Tail tail;
    for (uint64_t rid = 1; rid <= 3; ++rid) tail.add(rid, rid == 2 ? terms({"tea", "secret"}) : terms({"tea"}));
    tail.seal();
    tail.add(4, terms({"secret"}));
    tail.remove(2);
    tail.remove(4);
    tail.seal();
    CHECK(rowsOf(tail, "secret").empty());
    for (const auto& segment : tail.segments()) CHECK(!segment->postings.contains("secret"));
    CHECK((rowsOf(tail, "tea") == std::vector<uint64_t>{1, 3}));
}

TEST("what has been folded leaves the tail from its old end") {
    Tail tail;
    for (uint64_t rid = 1; rid <= 2500; ++rid) tail.add(rid, terms({"all"}));
    tail.seal();
    const size_t first = tail.segments().front()->rows;
    tail.dropFirst(1);
    CHECK_EQ(2500 - first, tail.rows());
    CHECK_EQ(uint64_t(first + 1), rowsOf(tail, "all").front());
}

TEST("the oldest segments are folded as one, as far as their rows go") {
    Tail tail;
    CHECK(tail.oldest(100).first == nullptr && tail.oldest(100).second == 0);
    for (uint64_t rid = 1; rid <= 2500; ++rid) tail.add(rid, terms({"all", rid % 2 ? "odd" : "even"}));
    tail.seal();
    const Segments segments = tail.segments();
    CHECK(tail.oldest(1).first == segments.front() && tail.oldest(1).second == 1);
    const size_t two = segments[0]->rows + segments[1]->rows;
    const auto [both, n] = tail.oldest(two);
    CHECK_EQ(size_t(2), n);
    CHECK_EQ(two, both->rows);
    CHECK(both->first == 1 && both->last == two);
    CHECK_EQ(two, both->postings.at("all").size());
    CHECK_EQ(two / 2, both->postings.at("even").size());
    for (size_t i = 0; i < two; ++i) CHECK_EQ(uint64_t(i + 1), both->postings.at("all")[i].rid);
    tail.dropFirst(n);
    CHECK_EQ(2500 - two, tail.rows());
    CHECK_EQ(uint64_t(two + 1), rowsOf(tail, "all").front());
}

TEST("rows that stand without gaps and rows with a gap each are placed alike") {
    for (const uint64_t step : {1, 3}) {
        Facts facts;
        std::vector<Posting> postings;
        for (uint64_t n = 0; n < 500; ++n) {
            facts.add(row(7 + n * step));
            if (n % 7 == 0) postings.push_back({7 + n * step, 1});
        }
        std::vector<PlacedPosting> placed;
        facts.place(postings, placed);
        CHECK_EQ(postings.size(), placed.size());
        for (size_t i = 0; i < placed.size(); ++i) CHECK_EQ(uint32_t(7 * i), placed[i].place);
        CHECK_EQ(499u, facts.placeOf(7 + 499 * step));
        CHECK_EQ(Facts::kNowhere, facts.placeOf(7 + 500 * step));
        CHECK_EQ(Facts::kNowhere, facts.placeOf(6));
        CHECK_EQ(100u, facts.placesUpTo(7 + 99 * step));
        CHECK_EQ(500u, facts.placesUpTo(UINT64_MAX));
    }
}
