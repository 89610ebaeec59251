#include "engine/query_embeddings.hpp"

#include "moody_embedder.hpp"
#include "support/test.hpp"

#include <atomic>
#include <future>

using namespace engram;
using namespace engram::engine;
using engram::testing::happens;
using engram::testing::MoodyEmbedder;
using Mood = MoodyEmbedder::Mood;

namespace {

struct Asked {
    explicit Asked(MoodyEmbedder& moody, QueryEmbeddings::Options options) : embedders({moody.binding()}), queries(options) {}

    std::future<Result<std::vector<float>>> ask(const std::string& text) {
        auto promise = std::make_shared<std::promise<Result<std::vector<float>>>>();
        auto future = promise->get_future();
        queries.submit(*embedders.preferred(), "tenant", text,
                       [promise](Result<std::vector<float>> vector) { promise->set_value(std::move(vector)); });
        return future;
    }

    Embedders embedders;
    QueryEmbeddings queries;
};

QueryEmbeddings::Options patient(std::chrono::milliseconds patience) {
    QueryEmbeddings::Options options;
    options.threads = 2;
    options.waiting = 4;
    options.patience = patience;
    return options;
}

std::string codeOf(std::future<Result<std::vector<float>>>& future) {
    auto answer = future.get();
    return answer ? "ok" : answer.error().code;
}

constexpr std::chrono::seconds kLong{60};

}  // namespace

TEST("many queries get a vector each") {
    MoodyEmbedder good("good");
    Asked asked(good, [] {
        auto options = patient(kLong);
        options.waiting = 1000;
        return options;
    }());
    std::vector<std::future<Result<std::vector<float>>>> answers;
    for (int i = 0; i < 200; ++i) answers.push_back(asked.ask("abba"));
    for (auto& answer : answers) {
        auto vector = answer.get();
        CHECK(vector.ok());
        CHECK_EQ(size_t(4), vector->size());
    }
}

TEST("queries behind an embedder that hangs are late together, those too that nobody looked at") {
    MoodyEmbedder hangs("hangs", Mood::Hangs);
    Asked asked(hangs, patient(std::chrono::milliseconds(20)));
    std::vector<std::future<Result<std::vector<float>>>> answers;
    for (int i = 0; i < 4; ++i) answers.push_back(asked.ask("abba"));
    for (auto& answer : answers) CHECK_TEXT("deadline_exceeded", codeOf(answer));
    hangs.mood = Mood::Good;
    auto after = asked.ask("abba");
    CHECK_TEXT("ok", codeOf(after));
}

TEST("more queries than may wait are refused at once") {
    MoodyEmbedder hangs("hangs", Mood::Hangs);
    Asked asked(hangs, patient(kLong));
    std::vector<std::future<Result<std::vector<float>>>> answers;
    for (int i = 0; i < 2; ++i) {
        answers.push_back(asked.ask("abba"));
        CHECK(happens([&] { return hangs.hanging == i + 1; }));
    }
    for (int i = 0; i < 4; ++i) answers.push_back(asked.ask("abba"));
    auto refused = asked.ask("abba");
    CHECK_TEXT("overloaded", codeOf(refused));
    hangs.mood = Mood::Good;
    for (auto& answer : answers) CHECK_TEXT("ok", codeOf(answer));
}

TEST("stopping answers everybody and cancels what is under way") {
    MoodyEmbedder hangs("hangs", Mood::Hangs);
    Asked asked(hangs, patient(kLong));
    std::vector<std::future<Result<std::vector<float>>>> answers;
    for (int i = 0; i < 4; ++i) answers.push_back(asked.ask("abba"));
    CHECK(happens([&] { return hangs.hanging == 2; }));
    CHECK(asked.queries.stop(QueryEmbeddings::Clock::time_point::max()));
    for (auto& answer : answers) CHECK_TEXT("unavailable", codeOf(answer));
    auto late = asked.ask("abba");
    CHECK_TEXT("unavailable", codeOf(late));
}
