#include "engine/engine.hpp"

#include "fixture.hpp"

#include <set>
#include <thread>

using namespace engram;
using namespace engram::engine;
using engram::testing::EngineFixture;

namespace {

MemoryPatch content(const std::string& text) {
    MemoryPatch patch;
    patch.content = text;
    return patch;
}

void code(const char* expected, const Result<Receipt>& receipt) {
    CHECK_MESSAGE("it was done", !receipt);
    CHECK_TEXT(expected, receipt.error().code);
}

}  // namespace

TEST("updates without a version that race all come to pass") {
    Engine::Options options;
    options.update_attempts = 64;
    EngineFixture f(options);
    const Uuid id = f.create("0");
    constexpr int kWriters = 4, kEach = 8;
    std::vector<std::thread> writers;
    std::atomic<int> failed{0};
    for (int w = 0; w < kWriters; ++w)
        writers.emplace_back([&f, &id, &failed] {
            for (int i = 0; i < kEach; ++i)
                if (!f.update(id, content("x"))) ++failed;
        });
    for (std::thread& writer : writers) writer.join();
    CHECK_EQ(0, failed.load());
    CHECK_EQ(uint64_t(1 + kWriters * kEach), f.get(id)->version);
}

TEST("of updates that expect one version, one is done") {
    EngineFixture f;
    const Uuid id = f.create("0");
    std::atomic<int> done{0}, conflicts{0};
    std::vector<std::thread> writers;
    for (int w = 0; w < 4; ++w)
        writers.emplace_back([&] {
            auto receipt = f.update(id, content("x"), 1);
            if (receipt) ++done;
            else if (receipt.error().code == "version_conflict") ++conflicts;
        });
    for (std::thread& writer : writers) writer.join();
    CHECK_EQ(1, done.load());
    CHECK_EQ(3, conflicts.load());
    CHECK_EQ(uint64_t(2), f.get(id)->version);
}

TEST("a patch changes what it names, and is checked as a new memory is") {
    EngineFixture f;
    NewMemory memory = f.text("tea");
    memory.tags = {"a"};
    memory.expires_at = f.clock.now() + 1000;
    const Uuid id = *Uuid::parse(f.tryCreate({memory})->answer.substr(0, 36));
    MemoryPatch patch;
    patch.importance = 0.9;
    patch.expires_at = std::optional<int64_t>();
    f.clock.advance(10);
    CHECK(f.update(id, patch).ok());
    const Memory now = *f.get(id);
    CHECK_TEXT("tea", now.content);
    CHECK_TEXT("a", now.tags.at(0));
    CHECK(!now.expires_at);
    CHECK_EQ(now.created_at + 10, now.updated_at);
    code("invalid_value", f.update(id, content("")));
    patch.importance = 2;
    code("invalid_value", f.update(id, patch));
    CHECK_EQ(uint64_t(2), f.get(id)->version);
}

TEST("a write that comes again with its key is done once and answered alike") {
    EngineFixture f;
    const auto first = f.tryCreate({f.text("tea")}, f.withKey("k", 1));
    const auto again = f.tryCreate({f.text("tea")}, f.withKey("k", 1));
    CHECK_TEXT(first->answer, again->answer);
    CHECK_EQ(first->lsn, again->lsn);
    CHECK(first->origin == Receipt::Origin::Applied);
    CHECK(again->origin == Receipt::Origin::Replayed);
    CHECK_EQ(uint64_t(1), f.engine.stats(f.kTenant, {})->memories);
    code("idempotency_key_reused", f.tryCreate({f.text("coffee")}, f.withKey("k", 2)));
}

TEST("a repetition is recognised although the memory has moved on") {
    EngineFixture f;
    const Uuid id = f.create("one");
    const auto first = f.update(id, content("two"), 1, f.withKey("k", 1));
    CHECK(first.ok());
    CHECK(f.update(id, content("three"), 2).ok());
    const auto again = f.update(id, content("two"), 1, f.withKey("k", 1));  // version 1 is long gone
    CHECK_MESSAGE(again ? "" : again.error().code, again.ok());
    CHECK_EQ(first->lsn, again->lsn);
    CHECK_TEXT("three", f.get(id)->content);
    code("idempotency_key_reused", f.update(id, content("two"), 1, f.withKey("k", 9)));
    code("version_conflict", f.update(id, content("two"), 1, f.withKey("other", 1)));
}

TEST("a repeated delete and undelete are recognised") {
    EngineFixture f;
    const Uuid id = f.create("one");
    const auto remove = [&](const char* key) {
        return f.done([&](auto d) { f.engine.remove(f.kTenant, id, {}, f.withKey(key, 1), d); });
    };
    const auto undelete = [&](const char* key) {
        return f.done([&](auto d) { f.engine.undelete(f.kTenant, id, f.withKey(key, 1), d); });
    };
    const auto removed = remove("r");
    CHECK_EQ(removed->lsn, remove("r")->lsn);
    code("memory_not_found", remove("other"));
    const auto back = undelete("u");
    CHECK_MESSAGE(back ? "" : back.error().code, back.ok());
    CHECK_EQ(back->lsn, undelete("u")->lsn);
    code("not_deleted", undelete("other"));
    CHECK_TEXT("one", f.get(id)->content);
}

TEST("what is deleted is not there, and comes back as a new version") {
    EngineFixture f;
    const Uuid id = f.create("one");
    CHECK(f.update(id, content("two")).ok());
    CHECK(f.done([&](auto d) { f.engine.remove(f.kTenant, id, 2, f.withKey(), d); }).ok());
    CHECK_TEXT("memory_not_found", f.get(id).error().code);
    code("memory_not_found", f.update(id, content("three")));
    CHECK(f.done([&](auto d) { f.engine.undelete(f.kTenant, id, f.withKey(), d); }).ok());
    CHECK_TEXT("two", f.get(id)->content);
    CHECK_EQ(uint64_t(4), f.get(id)->version);
    CHECK_EQ(size_t(4), f.engine.history(f.kTenant, id, {})->size());
}

TEST("a revert makes an old content the newest, and needs one") {
    EngineFixture f;
    const Uuid id = f.create("one");
    CHECK(f.update(id, content("two")).ok());
    const auto revert = [&](uint64_t version, std::optional<uint64_t> expected) {
        return f.done([&](auto d) { f.engine.revert(f.kTenant, id, version, expected, f.withKey(), d); });
    };
    code("version_not_found", revert(3, {}));
    code("version_conflict", revert(1, 1));
    CHECK(revert(1, 2).ok());
    CHECK_TEXT("one", f.get(id)->content);
    CHECK_EQ(uint64_t(3), f.get(id)->version);
}

TEST("what has expired is not there, and undelete gives it time again") {
    EngineFixture f;
    NewMemory memory = f.text("fleeting");
    memory.expires_at = f.clock.now() + 5;
    const Uuid id = *Uuid::parse(f.tryCreate({memory})->answer.substr(0, 36));
    CHECK(f.get(id).ok());
    f.clock.advance(5);
    CHECK_TEXT("memory_not_found", f.get(id).error().code);
    code("memory_not_found", f.update(id, content("x")));
    CHECK(f.engine.list(f.kTenant, {}, {})->memories.empty());
    CHECK(f.done([&](auto d) { f.engine.remove(f.kTenant, id, {}, f.withKey(), d); }).ok());
    CHECK(f.done([&](auto d) { f.engine.undelete(f.kTenant, id, f.withKey(), d); }).ok());
    CHECK(f.get(id).ok());
}

TEST("a batch is made whole or not at all") {
    EngineFixture f;
    WriteOptions options = f.withKey();
    options.limits = {{"records.1", 2}};
    code("plan_limit", f.tryCreate({f.text("a"), f.text("b"), f.text("c")}, options));
    CHECK_EQ(uint64_t(0), f.engine.stats(f.kTenant, {})->memories);
    CHECK(f.tryCreate({f.text("a"), f.text("b")}, options).ok());
}

TEST("a cursor goes through everything once, and belongs to its query and tenant") {
    EngineFixture f;
    for (int i = 0; i < 25; ++i) {
        f.clock.advance(1);
        f.create(std::to_string(i));
    }
    ListQuery query;
    query.limit = 10;
    std::string seen;
    for (int page = 0; page < 3; ++page) {
        auto got = f.engine.list(f.kTenant, query, {});
        for (const Memory& memory : got->memories) seen += memory.content + " ";
        query.cursor = got->next_cursor;
        CHECK_EQ(page == 2, query.cursor.empty());
        if (page == 0) {
            ListQuery other = query;
            other.direction = Direction::Ascending;
            CHECK_TEXT("invalid_cursor", f.engine.list(f.kTenant, other, {}).error().code);
            other = query;
            other.workspaces = {"default"};
            CHECK_TEXT("invalid_cursor", f.engine.list(f.kTenant, other, {}).error().code);
            CHECK_TEXT("invalid_cursor",
                       f.engine.list("01890000-0000-7000-8000-000000000002", query, {}).error().code);
            other = query;
            other.cursor = query.cursor.substr(0, query.cursor.size() / 2);
            CHECK_TEXT("invalid_cursor", f.engine.list(f.kTenant, other, {}).error().code);
            other.cursor = "not a cursor";
            CHECK_TEXT("invalid_cursor", f.engine.list(f.kTenant, other, {}).error().code);
        }
    }
    CHECK_TEXT("24 23 22 21 20 19 18 17 16 15 14 13 12 11 10 9 8 7 6 5 4 3 2 1 0 ", seen);
}

TEST("a page of large memories ends early and the next one goes on") {
    EngineFixture f;
    std::vector<NewMemory> many;
    for (int i = 0; i < 120; ++i) many.push_back(f.text(std::to_string(i) + std::string(50'000, 'a')));
    CHECK(f.tryCreate(std::move(many)).ok());
    ListQuery query;
    query.limit = 1000;
    std::vector<size_t> pages;
    std::set<std::string> seen;
    do {
        auto page = f.engine.list(f.kTenant, query, {});
        pages.push_back(page->memories.size());
        for (const Memory& memory : page->memories) seen.insert(memory.id.text());
        query.cursor = page->next_cursor;
    } while (!query.cursor.empty());
    CHECK((pages == std::vector<size_t>{100, 20}));
    CHECK_EQ(size_t(120), seen.size());
}

TEST("a read may ask for an LSN, and an io thread opens no tenant") {
    EngineFixture f;
    ReadOptions io;
    io.thread = ReadOptions::Thread::Io;
    CHECK_TEXT("again", f.engine.get(f.kTenant, Uuid(), io).error().code);
    const Uuid id = f.create("tea");
    CHECK(f.engine.get(f.kTenant, id, io).ok());
    ReadOptions far;
    far.at_least_lsn = 1000;
    CHECK_TEXT("unavailable", f.engine.get(f.kTenant, id, far).error().code);
    far.at_least_lsn = f.get(id)->lsn;
    CHECK(f.engine.get(f.kTenant, id, far).ok());
}

TEST("a workspace is emptied to its last memory and no other is touched") {
    EngineFixture f;
    std::vector<NewMemory> many;
    for (int i = 0; i < 1500; ++i) many.push_back(f.text(std::to_string(i), "full"));
    CHECK(f.tryCreate(std::move(many)).ok());
    f.create("kept", "other");
    std::promise<Result<uint64_t>> promise;
    f.engine.removeWorkspace(f.kTenant, "full", [&](Result<uint64_t> lsn) { promise.set_value(lsn); });
    CHECK(promise.get_future().get().ok());
    const auto stats = f.engine.stats(f.kTenant, {});
    CHECK_EQ(uint64_t(1), stats->memories);
    CHECK_EQ(uint64_t(1), stats->workspaces.at("other"));
}

TEST("tenants do not see each other") {
    EngineFixture f;
    const Uuid id = f.create("mine");
    const std::string other = "01890000-0000-7000-8000-000000000002";
    CHECK_TEXT("memory_not_found", f.engine.get(other, id, {}).error().code);
    SearchQuery query;
    query.text = "mine";
    CHECK(f.engine.search(other, query, {})->hits.empty());
}
