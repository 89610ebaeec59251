#include "engine/why_not.hpp"

#include "fixture.hpp"
#include "json/json.hpp"

using namespace engram;
using namespace engram::engine;
using engram::testing::EngineFixture;

namespace {

class Missed : public EngineFixture {
public:
    using EngineFixture::EngineFixture;

    WhyNot why(SearchQuery query, const Uuid& id) {
        query.why_not = id;
        return *search(std::move(query)).why_not;
    }
    static SearchQuery query(const std::string& text, const std::string& filter = {}) {
        SearchQuery out;
        out.text = text;
        out.mode = SearchQuery::Mode::Lexical;
        if (!filter.empty()) out.filter = *parseFilter(*json::parse(filter));
        return out;
    }
};

bool has(const std::vector<DroppedTerm>& dropped, const std::string& term, DroppedTerm::Reason reason) {
    return std::any_of(dropped.begin(), dropped.end(), [&](const auto& d) { return d.term == term && d.reason == reason; });
}

}  // namespace

TEST("why not: never there, deleted, expired or in another workspace") {
    Missed s;
    const Uuid gone = s.create("green tea"), elsewhere = s.create("green tea", "other");
    NewMemory brief = s.text("green tea");
    brief.expires_at = s.clock.now() + 1000;
    const auto receipt = s.tryCreate({brief});
    const Uuid expired = *Uuid::parse(receipt->answer.substr(0, 36));
    CHECK(s.done([&](auto d) { s.engine.remove(s.kTenant, gone, {}, s.withKey(), d); }).ok());
    s.clock.advance(1000);
    SearchQuery query = s.query("tea");
    query.workspaces = {"default"};
    CHECK(s.why(query, *Uuid::parse("01890000-0000-7000-8000-00000000ffff")).reason == WhyNot::Reason::NotThere);
    CHECK(s.why(query, gone).reason == WhyNot::Reason::Deleted);
    CHECK(s.why(query, expired).reason == WhyNot::Reason::Expired);
    CHECK(s.why(query, elsewhere).reason == WhyNot::Reason::OtherWorkspace);
}

TEST("why not: the condition of the filter that does not hold is named") {
    Missed s;
    const Uuid id = s.create("green tea");
    auto condition = [&](const std::string& filter) {
        const WhyNot why = s.why(s.query("tea", filter), id);
        return why.reason == WhyNot::Reason::Filter ? why.condition : "none";
    };
    CHECK_TEXT("importance gt", condition(R"({"type": "note", "importance": {"gte": 0.1, "gt": 0.9}})"));
    CHECK_TEXT("metadata:/project eq", condition(R"({"metadata.project": "apollo"})"));
    CHECK_TEXT("or", condition(R"({"or": [{"type": "fact"}, {"type": "task"}]})"));
    CHECK_TEXT("not", condition(R"({"not": {"type": "note"}})"));
    CHECK_TEXT("none", condition(R"({"type": "note"})"));
}

TEST("why not: no word of the query, below the limit, or no place among an arm's candidates") {
    SearchOptions options;
    options.candidates = 3;
    Engine::Options engine_options;
    engine_options.search = options;
    Missed s(engine_options);
    s.create("green tea");
    const Uuid second = s.create("green tea pot"), third = s.create("green tea pot of iron");
    const Uuid fourth = s.create("green tea pot of iron and clay"), stone = s.create("stone");
    SearchQuery query = s.query("green tea");
    query.limit = 1;
    CHECK(s.why(query, stone).reason == WhyNot::Reason::NoCommonTerm);
    CHECK(s.why(query, fourth).reason == WhyNot::Reason::NoCandidate);
    const WhyNot below = s.why(query, third);
    CHECK(below.reason == WhyNot::Reason::BelowLimit);
    CHECK_EQ(uint64_t(3), *below.rank);
    query.limit = 2;
    const SearchAnswer answer = s.search(query);
    const WhyNot found = s.why(query, second);
    CHECK(found.reason == WhyNot::Reason::Found);
    CHECK_EQ(uint64_t(2), *found.rank);
    CHECK_EQ(answer.hits.at(1).score, *found.score);
}

TEST("explain tells the terms, what was dropped and why, candidates and times of each part") {
    SearchOptions options;
    options.max_terms = 3;
    Engine::Options engine_options;
    engine_options.search = options;
    Missed s(engine_options);
    s.create("green tea");
    SearchQuery query = s.query("where is the tea of qwrtz green hills");
    CHECK(!s.search(query).explanation);
    query.explain = SearchQuery::Explain::Yes;
    const Explanation told = *s.search(query).explanation;
    CHECK_EQ(size_t(2), told.terms.size());
    CHECK(has(told.dropped, "where", DroppedTerm::Reason::StopWord));
    CHECK(has(told.dropped, "qwrtz", DroppedTerm::Reason::Unknown));
    CHECK(has(told.dropped, "hill", DroppedTerm::Reason::TooMany));
    auto json = json::parse(told.json());
    CHECK(json.ok());
    CHECK_EQ(1, (*json)["candidates"]["lexical"].GetInt());
    CHECK_EQ(0, (*json)["candidates"]["vector"].GetInt());
    for (const char* part : {"plan", "lexical", "context", "read"}) CHECK((*json)["microseconds"].HasMember(part));
    CHECK(!(*json)["microseconds"].HasMember("vector"));
}
