// A storage that leaves out what cannot be among the best gives the answers of one that hands over everything.
#include "engine/search.hpp"

#include "fixture.hpp"
#include "support/temporary_folder.hpp"

#include <cstddef>
#include <random>

using namespace engram;
using namespace engram::engine;
using engram::testing::EngineFixture;

namespace {

// One store, seen through its own table and through one without match_best.
class TwoWays {
public:
    explicit TwoWays(SearchOptions search)
        : plugin_(PLUGIN_STORAGE_SQLITE, host_, R"({"fold_rows": 40})"),
          full_(*plugin_.interface<engram_storage_v1>(ENGRAM_STORAGE)), plain_(full_) {
        plain_.match_best = nullptr;
        Engine::Options options;
        options.search = search;
        pruning_ = std::make_unique<Engine>(StorageBinding{&full_, plugin_.self()}, embedders(), clock_, options);
        whole_ = std::make_unique<Engine>(StorageBinding{&plain_, plugin_.self()}, embedders(), clock_, options);
        CHECK(full_.match_best != nullptr);
    }
    ~TwoWays() {
        whole_->stop();
        pruning_->stop();
    }

    void create(std::vector<NewMemory> memories) {
        std::promise<Result<Receipt>> done;
        pruning_->create(EngineFixture::kTenant, std::move(memories), EngineFixture::withKey(),
                         [&](Result<Receipt> receipt) { done.set_value(std::move(receipt)); });
        CHECK(done.get_future().get().ok());
    }

    // The answer, which must be the same both ways.
    std::string search(const SearchQuery& query) {
        const std::string expected = shown(*whole_, query), actual = shown(*pruning_, query);
        CHECK_TEXT(expected, actual);
        return actual;
    }

private:
    static std::vector<EmbedBinding> embedders() { return {{&testing::kLetters, nullptr, "letters"}}; }

    static std::string shown(Engine& engine, const SearchQuery& query) {
        auto answer = engine.search(EngineFixture::kTenant, query, {});
        CHECK_MESSAGE(answer ? "" : answer.error().message, answer.ok());
        std::string out;
        for (const Hit& hit : answer->hits) out += hit.memory.id.text() + " " + hit.explainJson() + "\n";
        return out;
    }

    testing::TemporaryFolder folder_;
    testing::FakeHost host_{"storage-sqlite", folder_.path()};
    testing::PluginUnderTest plugin_;
    testing::FakeClock clock_;
    engram_storage_v1 full_, plain_;
    std::unique_ptr<Engine> pruning_, whole_;
};

// Words by Zipf's law, so that some are everywhere and most are rare.
std::string randomText(std::mt19937& random, size_t words) {
    std::string out;
    for (size_t i = 0; i < words; ++i) {
        const auto rank = static_cast<int>(std::exp(static_cast<double>(random() % 1000) / 1000 * std::log(300.0)));
        out += "word" + std::to_string(rank) + " ";
    }
    return out;
}

}  // namespace

TEST("answers are the same whether storage prunes or not, for random texts, filters, sessions and workspaces") {
    SearchOptions options;
    options.candidates = 12;
    TwoWays both(options);
    std::mt19937 random(11);
    size_t found = 0;
    for (int round = 0; round < 12; ++round) {
        std::vector<NewMemory> memories;
        for (int i = 0; i < 25; ++i) {
            NewMemory memory = EngineFixture::text(randomText(random, 3 + random() % 20), random() % 2 ? "a" : "b");
            memory.type = random() % 3 ? "note" : "fact";
            if (random() % 2) memory.tags = {"red"};
            if (random() % 2) memory.metadata = "{\"session\": " + std::to_string(random() % 5) + "}";
            if (random() % 3 == 0) memory.occurred_at = 1'700'000'000'000 + static_cast<int64_t>(random() % 100) * 86400000;
            memories.push_back(std::move(memory));
        }
        both.create(std::move(memories));
        for (int i = 0; i < 25; ++i) {
            SearchQuery query;
            query.text = randomText(random, 1 + random() % 6) + (random() % 4 == 0 ? "in December 2023" : "");
            query.explain = SearchQuery::Explain::Yes;
            query.limit = 1 + static_cast<uint32_t>(random() % 30);
            if (random() % 2) query.workspaces = {random() % 2 ? "a" : "b"};
            if (random() % 3 == 0) query.mode = SearchQuery::Mode::Lexical;
            if (random() % 2) {
                auto filter = json::parse(random() % 2 ? R"({"type": "fact"})" : R"({"tags": {"any": ["red"]}})");
                query.filter = *parseFilter(*filter);
            }
            found += !both.search(query).empty();
        }
    }
    CHECK(found > 200);
}
