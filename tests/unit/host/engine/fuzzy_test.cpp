#include "engine/fuzzy.hpp"

#include "fixture.hpp"

using namespace engram;
using namespace engram::engine;
using engram::testing::EngineFixture;

namespace {

class Misspelt : public EngineFixture {
public:
    SearchAnswer search(const std::string& text, SearchQuery::Fuzzy fuzzy = SearchQuery::Fuzzy::Auto,
                        const std::string& workspace = {}) {
        SearchQuery query;
        query.text = text;
        query.mode = SearchQuery::Mode::Lexical;
        query.explain = SearchQuery::Explain::Yes;
        query.fuzzy = fuzzy;
        if (!workspace.empty()) query.workspaces = {workspace};
        return EngineFixture::search(query);
    }
    std::string first(const std::string& text) {
        const auto answer = search(text);
        return answer.hits.empty() ? "" : answer.hits[0].memory.content;
    }
};

}  // namespace

TEST("a word with a letter too many, too few, wrong or swapped finds its memory") {
    Misspelt s;
    s.create("the restaurant near the harbour");
    s.create("a garden full of lavender");
    s.create("meeting with the architect on Monday");
    for (const char* typo : {"restaurannt", "restarant", "restaurent", "restuarant", "resturant"})
        CHECK_TEXT("the restaurant near the harbour", s.first(typo));
    for (const char* typo : {"gardn", "gardden", "garfen", "gadren", "lavendar"}) CHECK_TEXT("a garden full of lavender", s.first(typo));
    for (const char* typo : {"meetign", "meetng", "architcet", "arhcitetc"})
        CHECK_TEXT("meeting with the architect on Monday", s.first(typo));
}

TEST("a word that some memory has is taken as it is written") {
    Misspelt s;
    s.create("a cart of hay");
    s.create("a card of paper");
    const auto answer = s.search("cart");
    CHECK_EQ(size_t(1), answer.hits.size());
    CHECK(answer.hits[0].terms.at(0).stands_for.empty());
}

TEST("explain tells which word stands for which, and at what distance") {
    Misspelt s;
    s.create("a garden full of lavender");
    const auto answer = s.search("gardem");
    const TermScore& term = answer.hits.at(0).terms.at(0);
    CHECK_TEXT("garden", term.term);
    CHECK_TEXT("gardem", term.stands_for);
    CHECK_EQ(1u, term.distance);
    CHECK(answer.hits[0].dropped_terms.empty());
    CHECK(answer.hits[0].explainJson().find(R"("stands_for":"gardem","distance":1)") != std::string::npos);
}

TEST("the memory with the word as it is written comes before one with a word like it") {
    Misspelt s;
    s.create("harden steel");
    s.create("steel lavender");
    const auto answer = s.search("lavender hardan");
    CHECK_TEXT("steel lavender", answer.hits.at(0).memory.content);
    CHECK_TEXT("harden steel", answer.hits.at(1).memory.content);
}

TEST("numbers, short words and words that say nothing have no stand-ins, nor has anything if fuzzy is off") {
    Misspelt s;
    s.create("room 2024 tea have that garden");
    for (const char* word : {"2025", "tee", "hafe", "thax"}) CHECK(s.search(word).hits.empty());
    CHECK(s.search("gardem", SearchQuery::Fuzzy::Off).hits.empty());
    CHECK_EQ(size_t(1), s.search("gardem").hits.size());
    CHECK_EQ(0u, editsAllowed("2024"));
    CHECK_EQ(0u, editsAllowed("tea"));
    CHECK_EQ(1u, editsAllowed("garden"));
    CHECK_EQ(2u, editsAllowed("lavender"));
    CHECK_EQ(1u, editsAllowed("\xD0\xBC\xD0\xBE\xD1\x81\xD1\x82"));
    CHECK_EQ(0u, editsAllowed("\xD0\xB4\xD0\xBE\xD0\xBC"));
}

TEST("words of other workspaces neither stand in nor keep a word from being misspelt") {
    Misspelt s;
    s.create("gardem", "theirs");
    s.create("garden", "mine");
    const auto answer = s.search("gardem", SearchQuery::Fuzzy::Auto, "mine");
    CHECK_EQ(size_t(1), answer.hits.size());
    CHECK_TEXT("garden", answer.hits[0].memory.content);
    CHECK(s.search("gerden", SearchQuery::Fuzzy::Auto, "none").hits.empty());
}

TEST("a word like another does not speak for a session as a whole") {
    Misspelt s;
    NewMemory memory = s.text("a garden full of lavender");
    memory.metadata = R"({"session": "monday"})";
    CHECK(s.tryCreate({memory}).ok());
    CHECK_EQ(1.0, s.search("gardem").hits.at(0).session);
    CHECK(s.search("garden").hits.at(0).session > 1.0);
    CHECK(s.search("gardem lavender").hits.at(0).session > 1.0);
}

TEST("any bytes are a safe query") {
    Misspelt s;
    s.create("a garden full of lavender");
    for (const std::string& text : {std::string("\xFF\xFE\x80garden\xC3"), std::string("\0gar\0den", 8), std::string(9000, 'q'),
                                   std::string("\xE2\x82\xE2\x82\xE2\x82"), std::string("\x01s0123456789abcdef0123456789abcdeg")})
        s.search(text);
    CHECK(stemsOfEndings("ing").empty());
    CHECK(stemsOfEndings("").empty());
}
