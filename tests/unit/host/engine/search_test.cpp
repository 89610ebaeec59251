#include "engine/search.hpp"

#include "fixture.hpp"

#include <cmath>

using namespace engram;
using namespace engram::engine;
using engram::testing::EngineFixture;

namespace {

class Searches : public EngineFixture {
public:
    using EngineFixture::EngineFixture;

    static SearchQuery query(const std::string& text, SearchQuery::Mode mode = SearchQuery::Mode::Hybrid) {
        SearchQuery out;
        out.text = text;
        out.mode = mode;
        out.explain = SearchQuery::Explain::Yes;
        return out;
    }
};

std::string contents(const SearchAnswer& answer) {
    std::string out;
    for (const Hit& hit : answer.hits) out += (out.empty() ? "" : "|") + hit.memory.content;
    return out;
}

bool near(double a, double b) { return std::fabs(a - b) < 1e-9; }

Engine::Options withSearch(SearchOptions search) {
    Engine::Options options;
    options.search = search;
    return options;
}

}  // namespace

TEST("a rarer word weighs more, and both more than one") {
    Searches s;
    for (const char* text : {"green tea", "tea", "tea pot", "tea leaf", "green hill", "stone"}) s.create(text);
    const auto answer = s.search(s.query("green tea", SearchQuery::Mode::Lexical));
    CHECK_TEXT("green tea", answer.hits.at(0).memory.content);
    CHECK_TEXT("green hill", answer.hits.at(1).memory.content);
    CHECK_EQ(size_t(5), answer.hits.size());
}

TEST("what explain tells adds up to the score") {
    Searches s;
    for (const char* text : {"abba plays dad", "dad plays", "a cab", "cab cab dad", "plays plays plays"}) s.create(text);
    const auto answer = s.search(s.query("dad plays abba"));
    CHECK(answer.hits.size() >= 3);
    double best_bm25 = 0;
    for (const Hit& hit : answer.hits) best_bm25 = std::max(best_bm25, hit.bm25);
    for (const Hit& hit : answer.hits) {
        double terms = 0;
        for (const TermScore& term : hit.terms) {
            CHECK(term.tf > 0 && term.df > 0 && term.idf > 0 && term.score > 0);
            terms += term.score;
        }
        CHECK(near(hit.bm25, terms));
        CHECK(near(hit.lexical, terms / best_bm25));
        CHECK(near(hit.score, (hit.lexical + hit.vector + hit.neighbours) * hit.session * hit.date * hit.importance *
                             hit.recency));
    }
    CHECK(near(1, answer.hits[0].lexical));
    for (size_t i = 1; i < answer.hits.size(); ++i) CHECK(answer.hits[i - 1].score >= answer.hits[i].score);
    auto json = json::parse(answer.hits[0].explainJson());
    CHECK(json.ok());
    CHECK(near(answer.hits[0].score, (*json)["score"].GetDouble()));
    CHECK_EQ(rapidjson::SizeType(answer.hits[0].terms.size()), (*json)["terms"].Size());
}

TEST("the score is BM25 as published") {
    // Two documents of lengths 1 and 3 (average 2), the term in one of them, twice: computed by hand.
    SearchOptions options;
    options.k1 = 1.2;
    options.b = 0.75;
    Searches s(withSearch(options), nullptr);
    s.create("stone");
    s.create("tea tea pot");
    const auto answer = s.search(s.query("tea"));
    CHECK_EQ(size_t(1), answer.hits.size());
    const double idf = std::log(1 + (2 - 1 + 0.5) / (1 + 0.5));
    CHECK(near(idf * 2 * 2.2 / (2 + 1.2 * (1 - 0.75 + 0.75 * 3 / 2)), answer.hits[0].bm25));
}

TEST("the vector arm finds what no word does, and breaks ties of words") {
    Searches s;
    s.create("bbbb");
    s.create("stone aaaa");
    s.create("stone bbbb");
    CHECK_TEXT("bbbb", contents(s.search(s.query("bb", SearchQuery::Mode::Vector))).substr(0, 4));
    CHECK_TEXT("", contents(s.search(s.query("bb", SearchQuery::Mode::Lexical))));
    const auto tie = s.search(s.query("stone b"));
    CHECK_TEXT("stone bbbb", tie.hits.at(0).memory.content);
    CHECK(tie.hits[0].vector > 0);
}

TEST("without an embedder a search is lexical") {
    Searches s({}, nullptr);
    s.create("stone");
    const auto answer = s.search(s.query("stones"));
    CHECK_EQ(size_t(1), answer.hits.size());
    CHECK(near(0, answer.hits[0].vector));
}

TEST("the same question gives the same answer, ties by age") {
    Searches s;
    for (int i = 0; i < 60; ++i) s.create("twin");
    auto query = s.query("twin");
    query.limit = 30;
    const auto first = s.search(query), second = s.search(query);
    CHECK_EQ(size_t(30), first.hits.size());
    for (size_t i = 0; i < first.hits.size(); ++i) {
        CHECK(first.hits[i].memory.id == second.hits[i].memory.id);
        if (i > 0) CHECK(first.hits[i - 1].memory.id < first.hits[i].memory.id);
    }
}

TEST("a limit below the number of candidates keeps the best of all") {
    SearchOptions options;
    options.candidates = 5;
    Searches s(withSearch(options), nullptr);
    for (int i = 0; i < 40; ++i) s.create("tea pot number " + std::to_string(i));
    s.create("tea tea tea");
    const auto answer = s.search(s.query("tea"));
    CHECK_EQ(size_t(5), answer.hits.size());
    CHECK_TEXT("tea tea tea", answer.hits[0].memory.content);
}

TEST("words beyond the budget of postings are dropped, the commonest first, and told") {
    SearchOptions options;
    options.posting_budget = 11;
    Searches s(withSearch(options), nullptr);
    for (int i = 0; i < 10; ++i) s.create("common word" + std::to_string(i));
    s.create("rare common");
    const auto answer = s.search(s.query("common rare"));
    CHECK_TEXT("rare common", contents(answer));
    CHECK_EQ(size_t(1), answer.hits[0].dropped_terms.size());
    CHECK_TEXT("common", answer.hits[0].dropped_terms[0]);
    CHECK_EQ(size_t(10), s.search(s.query("common")).hits.size());  // alone it is kept, whatever it costs
}

TEST("in a large tenant a word of every fifth memory is too common beside others") {
    Searches s({}, nullptr);
    std::vector<NewMemory> memories;
    for (int i = 0; i < 1001; ++i) memories.push_back(s.text(i % 4 ? "w" + std::to_string(i) : "common w" + std::to_string(i)));
    CHECK(s.tryCreate(std::move(memories)).ok());
    s.create("rare");
    CHECK_TEXT("rare", contents(s.search(s.query("rare common"))));
    CHECK_EQ(size_t(10), s.search(s.query("common")).hits.size());
}

TEST("words that nobody wrote are told") {
    Searches s;
    s.create("tea");
    const auto answer = s.search(s.query("tea xyzzy", SearchQuery::Mode::Lexical));
    CHECK_TEXT("xyzzi", answer.hits.at(0).dropped_terms.at(0));
}

TEST("workspace and filter hold in every arm") {
    Searches s;
    s.create("bbbb here", "one");
    s.create("bbbb there", "two");
    for (auto mode : {SearchQuery::Mode::Hybrid, SearchQuery::Mode::Lexical, SearchQuery::Mode::Vector}) {
        auto query = s.query("bbbb", mode);
        query.workspaces = {"two"};
        CHECK_TEXT("bbbb there", contents(s.search(query)));
        query.workspaces.clear();
        auto filter = parseFilter(*json::parse(R"({"workspace": "one"})"));
        query.filter = *filter;
        CHECK_TEXT("bbbb here", contents(s.search(query)));
    }
}

TEST("what has expired or was deleted is not found") {
    Searches s;
    NewMemory fleeting = s.text("bbbb");
    fleeting.expires_at = s.clock.now() + 1000;
    CHECK(s.tryCreate({fleeting}).ok());
    const Uuid gone = s.create("bbbb too");
    CHECK_EQ(size_t(2), s.search(s.query("bbbb")).hits.size());
    CHECK(s.done([&](auto d) { s.engine.remove(s.kTenant, gone, {}, {}, d); }).ok());
    s.clock.advance(999);
    CHECK_TEXT("bbbb", contents(s.search(s.query("bbbb"))));
    s.clock.advance(1);
    CHECK_TEXT("", contents(s.search(s.query("bbbb"))));
}

TEST("any bytes are a question") {
    Searches s;
    s.create("tea");
    for (const std::string& text : {std::string(), std::string("\0\xFF\xFE", 3), std::string(100000, '('), std::string("\" OR 1=1 --"),
                                    std::string(5000, 'x')})
        s.search(s.query(text));
    std::string many;
    for (int i = 0; i < 1000; ++i) many += "word" + std::to_string(i) + " ";
    CHECK_TEXT("", contents(s.search(s.query(many, SearchQuery::Mode::Lexical))));
}

namespace {

NewMemory turn(const std::string& content, const std::string& session, const std::string& workspace = "default") {
    NewMemory memory = EngineFixture::text(content, workspace);
    memory.metadata = "{\"session\": \"" + session + "\"}";
    return memory;
}

NewMemory dated(const std::string& content, int64_t occurred_at) {
    NewMemory memory = EngineFixture::text(content);
    memory.occurred_at = occurred_at;
    return memory;
}

// The fixture's clock stands in January 2027.
constexpr int64_t kJune2026 = 1'781'000'000'000, kMarch2026 = 1'773'000'000'000;

SearchQuery lexical(const std::string& text) { return Searches::query(text, SearchQuery::Mode::Lexical); }

}  // namespace

TEST("the answer beside the question is found, and only in its own session and workspace") {
    Searches s({}, nullptr);
    CHECK(s.tryCreate({turn("where did you go on holiday?", "monday"), turn("to Lisbon, it was wonderful", "monday"),
                       turn("nothing to do with it", "tuesday"), turn("elsewhere", "monday", "other")}).ok());
    auto query = lexical("holiday");
    CHECK_TEXT("where did you go on holiday?|to Lisbon, it was wonderful", contents(s.search(query)));
    CHECK(s.search(query).hits.at(1).neighbours > 0);
    query.context = SearchQuery::Context::None;
    CHECK_TEXT("where did you go on holiday?", contents(s.search(query)));
}

TEST("neighbours that the filter keeps out neither answer nor lend") {
    Searches s({}, nullptr);
    auto loud = turn("holiday holiday", "monday");
    loud.type = "event";
    CHECK(s.tryCreate({turn("first", "monday"), loud, turn("last holiday", "monday")}).ok());
    auto query = lexical("holiday");
    auto condition = json::parse(R"({"type": "note"})");
    query.filter = *parseFilter(*condition);
    const auto answer = s.search(query);
    CHECK_TEXT("last holiday|first", contents(answer));
    CHECK(near(0, answer.hits.at(0).neighbours));
}

TEST("sessions of which there is too much to look at lend nothing, the others do") {
    SearchOptions options;
    options.context.memories = 3;
    Searches s(withSearch(options), nullptr);
    CHECK(s.tryCreate({turn("holiday holiday holiday", "short"), turn("after it", "short")}).ok());
    for (int i = 0; i < 5; ++i) CHECK(s.tryCreate({turn("more of holiday " + std::to_string(i), "long")}).ok());
    const auto answer = s.search(lexical("holiday"));
    CHECK_EQ(size_t(7), answer.hits.size());
    for (const Hit& hit : answer.hits)
        if (hit.memory.content.starts_with("more")) CHECK(near(0, hit.neighbours));
}

TEST("memories without a session are ranked as without context") {
    Searches s({}, nullptr);
    for (const char* text : {"green tea", "tea", "tea pot", "tea leaf tea", "green hill", "stone"}) s.create(text);
    auto query = lexical("green tea");
    const auto with = s.search(query);
    query.context = SearchQuery::Context::None;
    const auto without = s.search(query);
    CHECK_TEXT(contents(without), contents(with));
    for (size_t i = 0; i < with.hits.size(); ++i) CHECK(near(without.hits[i].score, with.hits[i].score));
}

TEST("what is of a time that the query names comes first, also if it was told the month after") {
    Searches s({}, nullptr);
    CHECK(s.tryCreate({dated("a trip to the coast", kMarch2026), EngineFixture::text("a trip to the coast, undated"),
                       dated("a trip to the coast in the rain", kJune2026)}).ok());
    const std::string june = "a trip to the coast in the rain";
    CHECK_TEXT(june, s.search(lexical("trip to the coast in June 2026")).hits.at(0).memory.content);
    CHECK_TEXT(june, s.search(lexical("trip to the coast in May")).hits.at(0).memory.content);
    auto query = lexical("trip to the coast in June 2026");
    CHECK(near(1.6, s.search(query).hits.at(0).date) && near(1, s.search(query).hits.at(1).date));
    query.dates = SearchQuery::Dates::Ignore;
    query.weights.recency = 0;
    CHECK_TEXT("a trip to the coast", s.search(query).hits.at(0).memory.content);
}

TEST("a memory of the named time is found behind any number of better matches of other times") {
    SearchOptions options;
    options.candidates = 5;
    Searches s(withSearch(options), nullptr);
    for (int i = 0; i < 20; ++i) CHECK(s.tryCreate({dated("coast coast", kMarch2026)}).ok());
    CHECK(s.tryCreate({dated("one long way to the coast, with a dog and a cat and a hat", kJune2026)}).ok());
    CHECK(s.search(lexical("coast on 9 June 2026")).hits.size() == 6);
}

TEST("of memories that fit alike the important one comes first, or the fresh one") {
    Searches s;
    const Uuid plain = s.create("tea in the garden"), important = s.create("tea in the garden");
    MemoryPatch patch;
    patch.importance = 1;
    CHECK(s.update(important, patch).ok());
    auto found = s.search(s.query("tea"));
    CHECK(found.hits.at(0).memory.id == important);
    CHECK(near(1.15, found.hits[0].importance) && near(1, found.hits[1].importance));
    CHECK(near(1.1, found.hits[0].recency));

    s.clock.advance(30LL * 86400 * 1000);
    patch.importance = 0.5;
    CHECK(s.update(important, patch).ok());
    const Uuid fresh = s.create("tea in the garden");
    found = s.search(s.query("tea"));
    CHECK(found.hits.at(0).memory.id == fresh);
    CHECK(near(1.1, found.hits[0].recency) && near(1.05, found.hits[1].recency));
    patch = {};
    patch.pinned = true;
    CHECK(s.update(plain, patch).ok());
    for (const Hit& hit : s.search(s.query("tea")).hits) CHECK(near(hit.memory.id == important ? 1.05 : 1.1, hit.recency));
}

TEST("when it occurred says how fresh it is, not when it was changed") {
    Searches s;
    NewMemory old = s.text("tea long ago");
    old.occurred_at = s.clock.now() - 60LL * 86400 * 1000;
    CHECK(s.tryCreate({old}).ok());
    NewMemory coming = s.text("tea to come");
    coming.occurred_at = s.clock.now() + 60LL * 86400 * 1000;
    CHECK(s.tryCreate({coming}).ok());
    const auto found = s.search(s.query("tea"));
    CHECK_TEXT("tea to come|tea long ago", contents(found));
    CHECK(near(1.1, found.hits[0].recency) && near(1.025, found.hits[1].recency));
}

TEST("feedback moves importance a fifth of the way") {
    Searches s;
    const Uuid id = s.create("tea");
    MemoryPatch useful, useless;
    useful.useful = true;
    useless.useful = false;
    CHECK(s.update(id, useful).ok());
    CHECK(near(0.6, s.get(id)->importance));
    CHECK(s.update(id, useless).ok());
    CHECK(near(0.48, s.get(id)->importance));
    for (int i = 0; i < 100; ++i) CHECK(s.update(id, useful).ok());
    CHECK(s.get(id)->importance > 0.99 && s.get(id)->importance <= 1);
}

TEST("weights of a query stand in for the default") {
    Searches s;
    const Uuid plain = s.create("tea tea tea"), important = s.create("a garden where tea was had on a long afternoon");
    MemoryPatch patch;
    patch.importance = 1;
    CHECK(s.update(important, patch).ok());
    patch.importance = 0;
    CHECK(s.update(plain, patch).ok());
    SearchQuery query = s.query("tea", SearchQuery::Mode::Lexical);
    query.weights.importance = 0;
    CHECK(s.search(query).hits.at(0).memory.id == plain);
    query.weights.importance = 1;
    const auto found = s.search(query);
    CHECK(found.hits.at(0).memory.id == important);
    CHECK(near(2, found.hits[0].importance));
    query.weights = {};
    query.weights.recency = 0;
    CHECK(near(1, s.search(query).hits.at(0).recency));
    query.mode = SearchQuery::Mode::Hybrid;
    query.text = "abba";
    s.create("abba");
    query.weights.vector = 0;
    for (const Hit& hit : s.search(query).hits) CHECK(near(0, hit.vector));
}

TEST("an important memory just below the page comes into it") {
    Searches s;
    for (int i = 0; i < 30; ++i) s.create("tea " + std::to_string(i));
    const Uuid last = s.create("tea x");
    MemoryPatch patch;
    patch.importance = 1;
    CHECK(s.update(last, patch).ok());
    SearchQuery query = s.query("tea", SearchQuery::Mode::Lexical);
    query.limit = 1;
    CHECK(s.search(query).hits.at(0).memory.id == last);
}

TEST("pages of a search are one after the other what one page would be, whatever is written meanwhile") {
    Searches s;
    for (int i = 0; i < 25; ++i) s.create("tea cab " + std::to_string(i));
    SearchQuery query = s.query("tea");
    query.limit = 100;
    const std::string whole = contents(s.search(query));
    query.limit = 7;
    std::string pages;
    for (;;) {
        const auto page = s.search(query);
        pages += (pages.empty() ? "" : "|") + contents(page);
        query.cursor = page.page.after(page.hits.size());
        if (query.cursor.empty()) break;
        s.create("tea tea");
        s.clock.advance(86400 * 1000);
    }
    CHECK_TEXT(whole, pages);
}

TEST("a page that is cut short is followed by one that begins where it was cut") {
    Searches s;
    for (int i = 0; i < 9; ++i) s.create("tea " + std::to_string(i));
    SearchQuery query = s.query("tea", SearchQuery::Mode::Lexical);
    const std::string whole = contents(s.search(query));
    query.limit = 5;
    auto page = s.search(query);
    query.cursor = page.page.after(2);
    page.hits.resize(2);
    query.limit = 100;
    CHECK_TEXT(whole, contents(page) + "|" + contents(s.search(query)));
    CHECK_TEXT("", page.page.after(0));
}

TEST("a cursor of another query, tenant or making is refused") {
    Searches s;
    for (int i = 0; i < 3; ++i) s.create("tea " + std::to_string(i));
    SearchQuery query = s.query("tea");
    query.limit = 1;
    const std::string cursor = s.search(query).page.after(1);
    CHECK(!cursor.empty());
    const auto refusal = [&](SearchQuery other, const std::string& with) {
        other.cursor = with;
        auto answer = s.engine.search(s.kTenant, other, {});
        return answer ? std::string("taken") : answer.error().code;
    };
    CHECK_TEXT("taken", refusal(query, cursor));
    for (const std::string& bad : {std::string("x"), cursor + "AAAA", cursor.substr(0, 20), std::string("\xff\x00", 2)})
        CHECK_TEXT("invalid_cursor", refusal(query, bad));
    CHECK_TEXT("invalid_cursor", refusal(s.query("teas"), cursor));
    SearchQuery weighted = query;
    weighted.weights.recency = 0.2;
    CHECK_TEXT("invalid_cursor", refusal(weighted, cursor));
    query.cursor = cursor;
    auto elsewhere = s.engine.search("01890000-0000-7000-8000-000000000002", query, {});
    CHECK_TEXT("invalid_cursor", elsewhere.error().code);
}

TEST("what does not hold at a time is not found at it") {
    Searches s;
    NewMemory before = s.text("Ada lives in Rome"), since = s.text("Ada lives in Oslo");
    before.valid_until = since.valid_from = 1000;
    CHECK(s.tryCreate({before, since, s.text("Ada lives")}).ok());
    SearchQuery query = s.query("where Ada lives", SearchQuery::Mode::Lexical);
    CHECK_EQ(size_t(3), s.search(query).hits.size());
    const auto at = [&](int64_t time) {
        query.valid_at = time;
        std::string all = contents(s.search(query));
        return std::string(all.find("Rome") != std::string::npos ? "R" : "") + (all.find("Oslo") != std::string::npos ? "O" : "");
    };
    CHECK_TEXT("R", at(999));
    CHECK_TEXT("O", at(1000));
}
