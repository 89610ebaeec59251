// apply(): limits on counters, and idempotency keys.
#include <atomic>
#include <mutex>
#include <thread>

#include "store.hpp"
#include "support/test.hpp"

using namespace engram::conformance;

namespace {

constexpr engram_time kDay = 24LL * 3600 * 1000;

Batch one(uint64_t id, const std::string& text = "text") {
    Record r;
    r.id = idOf(id);
    r.text = text;
    Batch batch;
    batch.ops = {put(r)};
    return batch;
}

Batch keyed(uint64_t id, const std::string& key, engram_time now = 1000) {
    Batch batch = one(id);
    batch.key = key;
    batch.answer = "answer of " + std::to_string(id);
    batch.now = now;
    return batch;
}

}  // namespace

TEST("counters count live records by kind and workspace, and their bytes") {
    Fresh f;
    Record a, b;
    a.id = idOf(1);
    a.text = "12345";
    a.metadata = "{}";
    b.id = idOf(2);
    b.kind = ENGRAM_KIND_BLOCK;
    b.workspace = "other";
    b.text = "123";
    f.store.write({put(a), put(b)});
    CHECK(f.store.counters() == (std::map<std::string, uint64_t>{{"records.1", 1},
                                                                 {"records.3", 1},
                                                                 {"workspace.default", 1},
                                                                 {"workspace.other", 1},
                                                                 {"bytes", 10}}));
    a.text = "1";
    a.workspace = "other";
    f.store.write({put(a), remove(idOf(2))});
    CHECK(f.store.counters() ==
          (std::map<std::string, uint64_t>{{"records.1", 1}, {"workspace.other", 1}, {"bytes", 3}}));
}

TEST("a batch that raises a counter above its limit is refused whole and says by how much") {
    Fresh f;
    f.store.write({one(1).ops[0]});
    Batch batch = one(2);
    batch.ops.push_back(one(3).ops[0]);
    batch.limits = {{"bytes", 1000}, {"records.1", 2}};
    const Outcome outcome = f.store.apply(batch);
    CHECK_EQ(uint32_t(ENGRAM_APPLY_LIMIT), outcome.outcome);
    CHECK_EQ(1u, outcome.failed_limit);
    CHECK_EQ(uint64_t(3), outcome.current_count);
    CHECK(!f.store.view()->get(idOf(2)));
    batch.limits[1].second = 3;
    CHECK_EQ(uint32_t(ENGRAM_APPLY_DONE), f.store.apply(batch).outcome);
}

TEST("a counter that is above its limit already hinders only batches that raise it") {
    Fresh f;
    f.store.write({one(1).ops[0], one(2).ops[0], one(3).ops[0]});
    Batch update = one(1, "new!");
    update.limits = {{"records.1", 1}, {"workspace.default", 0}, {"bytes", 1}};
    CHECK_EQ(uint32_t(ENGRAM_APPLY_DONE), f.store.apply(update).outcome);
    update = one(1, "longer");
    update.limits = {{"bytes", 1}};
    CHECK_EQ(uint32_t(ENGRAM_APPLY_LIMIT), f.store.apply(update).outcome);
    Batch deletion;
    deletion.ops = {remove(idOf(1))};
    deletion.limits = {{"records.1", 0}};
    CHECK_EQ(uint32_t(ENGRAM_APPLY_DONE), f.store.apply(deletion).outcome);
}

TEST("32 threads cannot pass a limit together") {
    Fresh f;
    constexpr uint64_t kMax = 40;
    std::mutex actor;  // one apply() at a time, as the host's tenant actor has it
    std::atomic<uint64_t> done{0};
    std::vector<std::thread> threads;
    for (uint64_t t = 0; t < 32; ++t)
        threads.emplace_back([&, t] {
            for (uint64_t i = 0; i < 4; ++i) {
                Batch batch = one(1 + t * 4 + i);
                batch.limits = {{"records.1", kMax}};
                std::lock_guard lock(actor);
                if (f.store.apply(batch).outcome == ENGRAM_APPLY_DONE) ++done;
            }
        });
    for (std::thread& thread : threads) thread.join();
    CHECK_EQ(kMax, done.load());
    CHECK_EQ(kMax, f.store.counters()["records.1"]);
}

TEST("a key that comes again with the same hash gets the first answer and changes nothing") {
    Fresh f;
    const Outcome first = f.store.apply(keyed(1, "k"));
    f.store.write({one(5).ops[0]});
    Batch again = keyed(2, "k");  // the hash decides, not the ops
    const Outcome second = f.store.apply(again);
    CHECK_EQ(uint32_t(ENGRAM_APPLY_REPLAYED), second.outcome);
    CHECK_EQ(first.lsn, second.lsn);
    CHECK_TEXT("answer of 1", second.answer);
    CHECK(!f.store.view()->get(idOf(2)));
}

TEST("a key is looked up before versions, names and limits are") {
    Fresh f;
    Batch create = keyed(1, "k");
    create.ops[0].expected = ENGRAM_VERSION_NEW;
    create.limits = {{"records.1", 1}};
    CHECK_EQ(uint32_t(ENGRAM_APPLY_DONE), f.store.apply(create).outcome);
    CHECK_EQ(uint32_t(ENGRAM_APPLY_REPLAYED), f.store.apply(create).outcome);
    const auto twice = f.store.apply({keyed(2, "other"), keyed(2, "other")});
    CHECK_EQ(uint32_t(ENGRAM_APPLY_DONE), twice[0].outcome);
    CHECK_EQ(uint32_t(ENGRAM_APPLY_REPLAYED), twice[1].outcome);
}

TEST("a key with another hash is refused as reused") {
    Fresh f;
    f.store.apply(keyed(1, "k"));
    Batch other = keyed(2, "k");
    other.hash = std::string(31, 'h') + "i";
    CHECK_EQ(uint32_t(ENGRAM_APPLY_KEY_REUSED), f.store.apply(other).outcome);
    CHECK(!f.store.view()->get(idOf(2)));
}

TEST("a key of a batch that was not applied is not kept") {
    Fresh f;
    Batch failing = keyed(1, "k");
    failing.ops[0].expected = 5;
    CHECK_EQ(uint32_t(ENGRAM_APPLY_ABSENT), f.store.apply(failing).outcome);
    Batch next = keyed(1, "k");
    next.hash = std::string(32, 'x');
    CHECK_EQ(uint32_t(ENGRAM_APPLY_DONE), f.store.apply(next).outcome);
}

TEST("a key is kept for 24 hours and then free") {
    Fresh f;
    f.store.apply(keyed(1, "k", 5000));
    CHECK_EQ(uint32_t(ENGRAM_APPLY_REPLAYED), f.store.apply(keyed(1, "k", 5000 + kDay - 1)).outcome);
    CHECK_EQ(uint32_t(ENGRAM_APPLY_DONE), f.store.apply(keyed(1, "k", 5000 + kDay + 1)).outcome);
    CHECK_EQ(uint64_t(2), f.store.view()->get(idOf(1))->version);
}

TEST("keys and answers of any bytes, and their store opened again") {
    Fresh f;
    Batch batch = keyed(1, "k \xff");
    for (int c = 0; c < 256; ++c) batch.answer += static_cast<char>(c);
    batch.hash = std::string(32, '\0');
    f.store.apply(batch);
    f.store.close();
    if (target().durable) f.plugin.restart();
    f.store.open();
    const Outcome again = f.store.apply(batch);
    CHECK_EQ(uint32_t(ENGRAM_APPLY_REPLAYED), again.outcome);
    CHECK(again.answer == batch.answer);
}
