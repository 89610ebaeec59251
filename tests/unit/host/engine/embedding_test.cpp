// Vectors that come after their memories, searches without them, and changing the model.
#include "engine/engine.hpp"

#include "fixture.hpp"
#include "moody_embedder.hpp"

#include <mutex>

using namespace engram;
using namespace engram::engine;
using engram::testing::EngineFixture;
using engram::testing::happens;
using engram::testing::MoodyEmbedder;
using Mood = MoodyEmbedder::Mood;

namespace {

Engine::Options quick() {
    Engine::Options options;
    options.filler.first_pause = std::chrono::milliseconds(5);
    options.filler.longest_pause = std::chrono::milliseconds(20);
    options.queries.patience = std::chrono::milliseconds(40);
    return options;
}

std::vector<EmbedBinding> bindings(std::initializer_list<MoodyEmbedder*> embedders) {
    std::vector<EmbedBinding> out;
    for (MoodyEmbedder* embedder : embedders) out.push_back(embedder->binding());
    return out;
}

const std::string& kTenant = EngineFixture::kTenant;

SearchAnswer search(Engine& engine, const std::string& text, SearchQuery::Mode mode = SearchQuery::Mode::Hybrid) {
    SearchQuery query;
    query.text = text;
    query.mode = mode;
    auto answer = engine.search(kTenant, query, {});
    CHECK_MESSAGE(answer ? "" : answer.error().message, answer.ok());
    return std::move(*answer);
}

std::string first(const SearchAnswer& answer) { return answer.hits.empty() ? "" : answer.hits.front().memory.content; }

std::string reasons(const SearchAnswer& answer) {
    std::string out;
    for (const Incomplete& arm : answer.incomplete)
        out += arm.reason == Incomplete::Reason::Pending ? "pending " : arm.reason == Incomplete::Reason::Failed ? "failed " : "no_embedder ";
    return out;
}

Embedding shown(Engine& engine) {
    auto embedding = engine.embedding(kTenant);
    CHECK_MESSAGE(embedding ? "" : embedding.error().message, embedding.ok());
    return *embedding;
}

const Embedding::Space* spaceOf(const Embedding& embedding, const std::string& model) {
    for (const Embedding::Space& space : embedding.spaces)
        if (space.model == model) return &space;
    return nullptr;
}

std::string activeModel(Engine& engine) {
    for (const Embedding::Space& space : shown(engine).spaces)
        if (space.state == Embedding::Space::State::Active) return space.model;
    return {};
}

uint64_t covered(Engine& engine, const std::string& model) {
    const Embedding embedding = shown(engine);
    const Embedding::Space* space = spaceOf(embedding, model);
    return space ? space->covered : 0;
}

// A memory written by an engine that is not the fixture's.
void write(Engine& engine, const std::string& content) {
    std::promise<Result<Receipt>> promise;
    engine.create(kTenant, {EngineFixture::text(content)}, EngineFixture::withKey(),
                  [&](Result<Receipt> receipt) { promise.set_value(std::move(receipt)); });
    auto receipt = promise.get_future().get();
    CHECK_MESSAGE(receipt ? "" : receipt.error().message, receipt.ok());
}

}  // namespace

TEST("a write is acknowledged while the embedder hangs, and its vector comes when it does no more") {
    MoodyEmbedder slow("slow", Mood::Hangs);
    EngineFixture f(quick(), bindings({&slow}));
    f.create("abba");
    f.create("dada");
    const auto words = search(f.engine, "abba");
    CHECK_TEXT("abba", first(words));
    CHECK_TEXT("failed ", reasons(words));
    CHECK(happens([&] { return slow.hanging > 0; }));
    CHECK_EQ(uint64_t(2), f.engine.filler().pending());
    CHECK_EQ(uint64_t(0), covered(f.engine, "slow"));
    slow.mood = Mood::Good;
    CHECK(happens([&] { return covered(f.engine, "slow") == 2 && f.engine.filler().pending() == 0; }));
    const auto vectors = search(f.engine, "ddda", SearchQuery::Mode::Vector);
    CHECK_TEXT("dada", first(vectors));
    CHECK_TEXT("", reasons(vectors));
    CHECK_EQ(uint64_t(2), f.engine.filler().filled());
}

TEST("a search says that memories wait for their vectors") {
    MoodyEmbedder slow("slow");
    EngineFixture f(quick(), bindings({&slow}));
    f.create("abba");
    CHECK(happens([&] { return covered(f.engine, "slow") == 1; }));
    slow.refuses = "";
    slow.mood = Mood::Fails;
    f.create("cab");
    CHECK(happens([&] { return f.engine.filler().failures() > 0; }));
    slow.mood = Mood::Good;
    // The filler's next attempt is some milliseconds away, or has just been: either is right.
    const auto answer = search(f.engine, "cab");
    CHECK_TEXT("cab", first(answer));
    if (!answer.incomplete.empty()) CHECK_TEXT("pending ", reasons(answer));
    CHECK(happens([&] { return search(f.engine, "cab").incomplete.empty(); }));
}

TEST("which memories lack a vector outlives the process") {
    MoodyEmbedder down("model", Mood::Fails);
    EngineFixture f(quick(), bindings({&down}));
    f.create("abba");
    f.create("cab");
    CHECK(happens([&] { return down.calls > 2; }));
    f.engine.stop();
    MoodyEmbedder up("model");
    Engine next(f.storage, bindings({&up}), f.clock, quick());
    CHECK_TEXT("abba", first(search(next, "abba")));  // opens the tenant; nobody writes
    CHECK(happens([&] { return covered(next, "model") == 2 && next.filler().pending() == 0; }));
    CHECK_TEXT("", reasons(search(next, "cab")));
}

TEST("a text that the embedder refuses keeps no other from its vector") {
    MoodyEmbedder picky("picky", Mood::Fails);
    picky.refuses = "bad";
    EngineFixture f(quick(), bindings({&picky}));
    for (const char* text : {"abba", "bad", "cab", "dada", "add"}) f.create(text);
    picky.mood = Mood::Good;
    CHECK(happens([&] { return covered(f.engine, "picky") == 4 && f.engine.filler().pending() == 0; }));
    CHECK_EQ(uint64_t(1), spaceOf(shown(f.engine), "picky")->refused);
    const auto answer = search(f.engine, "dada");
    CHECK_TEXT("dada", first(answer));
    CHECK_TEXT("", reasons(answer));
}

TEST("a vector with a number that is not finite is never stored") {
    MoodyEmbedder liar("liar", Mood::NotANumber);
    EngineFixture f(quick(), bindings({&liar}));
    f.create("abba");
    CHECK(happens([&] { return f.engine.filler().failures() > 1; }));
    CHECK_EQ(uint64_t(0), covered(f.engine, "liar"));
    CHECK_TEXT("failed ", reasons(search(f.engine, "abba")));
    CHECK(shown(f.engine).failure.find("liar") != std::string::npos);
    liar.mood = Mood::Good;
    CHECK(happens([&] { return covered(f.engine, "liar") == 1; }));
    CHECK(happens([&] { return shown(f.engine).failure.empty(); }));
}

TEST("a memory that is changed or deleted before its vector comes needs none") {
    MoodyEmbedder slow("slow", Mood::Fails);
    EngineFixture f(quick(), bindings({&slow}));
    const Uuid changed = f.create("abba"), gone = f.create("cab");
    MemoryPatch patch;
    patch.content = "dddd";
    CHECK(f.update(changed, patch).ok());
    CHECK(f.done([&](auto d) { f.engine.remove(kTenant, gone, {}, EngineFixture::withKey(), d); }).ok());
    slow.mood = Mood::Good;
    CHECK(happens([&] { return covered(f.engine, "slow") == 1 && f.engine.filler().pending() == 0; }));
    CHECK_TEXT("dddd", first(search(f.engine, "d", SearchQuery::Mode::Vector)));
}

TEST("a query that gets no vector in time is answered by words, and a search by vectors alone is refused") {
    MoodyEmbedder slow("slow");
    EngineFixture f(quick(), bindings({&slow}));
    f.create("abba");
    CHECK(happens([&] { return covered(f.engine, "slow") == 1; }));
    for (const Mood mood : {Mood::Hangs, Mood::Fails, Mood::NotANumber}) {
        slow.mood = mood;
        const auto answer = search(f.engine, "abba");
        CHECK_TEXT("abba", first(answer));
        CHECK_TEXT("failed ", reasons(answer));
        SearchQuery query;
        query.text = "abba";
        query.mode = SearchQuery::Mode::Vector;
        auto refused = f.engine.search(kTenant, query, {});
        CHECK(!refused);
        CHECK_TEXT("unavailable", refused.error().code);
        CHECK_TEXT("", reasons(search(f.engine, "abba", SearchQuery::Mode::Lexical)));
    }
    slow.mood = Mood::Good;
    CHECK_TEXT("", reasons(search(f.engine, "abba")));
}

TEST("an embedder that is local and cheap gives each memory its vector at once") {
    MoodyEmbedder local("local");
    local.deterministic = 1;
    EngineFixture f(quick(), bindings({&local}));
    f.create("abba");
    CHECK_EQ(uint64_t(1), covered(f.engine, "local"));
    CHECK_EQ(uint64_t(0), f.engine.filler().filled());
    local.mood = Mood::Fails;
    f.create("dada");  // not refused for want of a vector
    local.mood = Mood::Good;
    CHECK(happens([&] { return covered(f.engine, "local") == 2; }));
}

TEST("another first embedder becomes the tenant's when all memories have its vectors, and not before") {
    MoodyEmbedder old("old"), fresh("fresh", Mood::Hangs, 'b');
    old.deterministic = 1;
    EngineFixture f(quick(), bindings({&old}));
    for (int i = 0; i < 20; ++i) f.create(std::string(1, static_cast<char>('a' + i % 4)) + "x" + std::to_string(i));
    f.engine.stop();

    Engine::Options options = quick();
    std::mutex mutex;
    std::vector<std::string> switched;
    options.filler.on_switched = [&](const std::string& tenant, const std::string& model) {
        std::lock_guard lock(mutex);
        switched.push_back(tenant + " " + model);
    };
    Engine next(f.storage, bindings({&fresh, &old}), f.clock, options);
    CHECK_TEXT("", reasons(search(next, "a")));  // the old one is complete and is what is searched
    CHECK(happens([&] { return fresh.hanging > 0; }));
    CHECK_TEXT("old", activeModel(next));
    CHECK(spaceOf(shown(next), "fresh")->state == Embedding::Space::State::Next);
    write(next, "a new one");
    CHECK_EQ(uint64_t(21), covered(next, "old"));
    fresh.mood = Mood::Good;
    CHECK(happens([&] { return activeModel(next) == "fresh"; }));
    CHECK_EQ(uint64_t(21), covered(next, "fresh"));
    CHECK_TEXT("", reasons(search(next, "b", SearchQuery::Mode::Vector)));
    std::lock_guard lock(mutex);
    CHECK_EQ(size_t(1), switched.size());
    CHECK_TEXT(kTenant + " fresh", switched.front());
}

TEST("the way back is at once, is filled up, and holds over a restart") {
    MoodyEmbedder old("old"), fresh("fresh", Mood::Good, 'b');
    EngineFixture f(quick(), bindings({&old}));
    f.create("abba");
    CHECK(happens([&] { return covered(f.engine, "old") == 1; }));
    f.engine.stop();
    {
        Engine next(f.storage, bindings({&fresh, &old}), f.clock, quick());
        CHECK(happens([&] { return activeModel(next) == "fresh"; }));
        write(next, "cab");  // the old space is not kept any more
        CHECK(happens([&] { return covered(next, "fresh") == 2; }));
        CHECK_EQ(uint64_t(1), covered(next, "old"));
        CHECK(next.switchEmbedder(kTenant, "old", Engine::Switch::Now).ok());
        CHECK_TEXT("old", activeModel(next));
        CHECK(happens([&] { return covered(next, "old") == 2 && next.filler().pending() == 0; }));
        CHECK_TEXT("", reasons(search(next, "cab")));
    }
    Engine again(f.storage, bindings({&fresh, &old}), f.clock, quick());
    write(again, "dad");
    CHECK(happens([&] { return covered(again, "old") == 3; }));
    CHECK_TEXT("old", activeModel(again));
    CHECK(spaceOf(shown(again), "fresh")->state == Embedding::Space::State::Idle);
}

TEST("a switch that was begun goes on after a restart") {
    MoodyEmbedder old("old"), fresh("fresh", Mood::Fails, 'b');
    old.deterministic = 1;
    EngineFixture f(quick(), bindings({&old, &fresh}));
    f.create("abba");
    CHECK(f.engine.switchEmbedder(kTenant, "fresh", Engine::Switch::WhenComplete).ok());
    CHECK(happens([&] { return fresh.calls > 1; }));
    CHECK_TEXT("old", activeModel(f.engine));
    f.engine.stop();
    fresh.mood = Mood::Good;
    Engine next(f.storage, bindings({&old, &fresh}), f.clock, quick());
    CHECK(happens([&] { return activeModel(next) == "fresh"; }));
}

TEST("a switch is complete although memories are written while it goes on") {
    MoodyEmbedder old("old"), fresh("fresh", Mood::Good, 'b');
    EngineFixture f(quick(), bindings({&old, &fresh}));
    for (int i = 0; i < 50; ++i) {
        f.create("a" + std::to_string(i));
        if (i == 10) CHECK(f.engine.switchEmbedder(kTenant, "fresh", Engine::Switch::WhenComplete).ok());
    }
    CHECK(happens([&] { return activeModel(f.engine) == "fresh" && covered(f.engine, "fresh") == 50; }));
    CHECK(happens([&] { return f.engine.filler().pending() == 0; }));
}

TEST("vectors whose embedder is gone are not searched, and say so") {
    MoodyEmbedder old("old"), slow("slow", Mood::Fails);
    old.deterministic = 1;
    EngineFixture f(quick(), bindings({&old}));
    f.create("abba");
    f.engine.stop();
    {
        Engine next(f.storage, bindings({&slow}), f.clock, quick());
        const auto answer = search(next, "abba");
        CHECK_TEXT("abba", first(answer));
        CHECK_TEXT("failed ", reasons(answer));  // what is searched already is the space that is being filled
        slow.mood = Mood::Good;
        CHECK(happens([&] { return activeModel(next) == "slow"; }));
        CHECK_TEXT("", reasons(search(next, "abba")));
    }
    Engine none(f.storage, {}, f.clock, quick());
    CHECK_TEXT("abba", first(search(none, "abba")));
    CHECK_TEXT("", shown(none).spaces.front().embedder);
}

TEST("only a space that is not in use can be dropped") {
    MoodyEmbedder old("old"), fresh("fresh");
    EngineFixture f(quick(), bindings({&old, &fresh}));
    f.create("abba");
    CHECK(f.engine.switchEmbedder(kTenant, "fresh", Engine::Switch::Now).ok());
    const Embedding embedding = shown(f.engine);
    const uint32_t idle = spaceOf(embedding, "old")->id, active = spaceOf(embedding, "fresh")->id;
    CHECK_TEXT("space_in_use", f.engine.dropSpace(kTenant, active).error().code);
    CHECK_TEXT("space_not_found", f.engine.dropSpace(kTenant, 77).error().code);
    CHECK(f.engine.dropSpace(kTenant, idle).ok());
    CHECK_EQ(size_t(1), shown(f.engine).spaces.size());
    // The number may be given again: what was known of the old space must not hold for the new one.
    CHECK(f.engine.switchEmbedder(kTenant, "old", Engine::Switch::WhenComplete).ok());
    CHECK(happens([&] { return activeModel(f.engine) == "old" && covered(f.engine, "old") == 1; }));
}

TEST("an embedder that is not configured is refused with those that are") {
    MoodyEmbedder old("old");
    EngineFixture f(quick(), bindings({&old}));
    const auto refused = f.engine.switchEmbedder(kTenant, "new", Engine::Switch::Now);
    CHECK(!refused);
    CHECK_TEXT("embedder_not_found", refused.error().code);
    CHECK(refused.error().hint.find("old") != std::string::npos);
}

TEST("with a storage that cannot fill later, a slow embedder is not used and a local one is") {
    MoodyEmbedder slow("slow"), local("local");
    local.deterministic = 1;
    EngineFixture f(quick(), std::vector<EmbedBinding>{});
    engram_storage_v1 table = *f.storage.table;
    table.unfilled = nullptr;
    table.fill = nullptr;
    table.space_prepare = nullptr;
    Engine engine({&table, f.storage.self}, bindings({&slow, &local}), f.clock, quick());
    write(engine, "abba");
    CHECK_TEXT("local", activeModel(engine));
    CHECK_EQ(uint64_t(1), covered(engine, "local"));
    CHECK_EQ(0, slow.calls.load());
    CHECK_TEXT("not_implemented", engine.switchEmbedder(kTenant, "slow", Engine::Switch::Now).error().code);
}
