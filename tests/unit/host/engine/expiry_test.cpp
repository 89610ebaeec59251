#include "engine/expiry.hpp"

#include "fixture.hpp"
#include "moody_embedder.hpp"

#include <atomic>
#include <condition_variable>
#include <future>
#include <mutex>

using namespace engram;
using namespace engram::engine;
using namespace std::chrono_literals;
using engram::testing::EngineFixture;
using engram::testing::happens;

namespace {

constexpr int64_t kHour = 3600 * 1000;

Engine::Options quick() {
    Engine::Options options;
    options.expiry.look = 1ms;
    options.expiry.rest = 1ms;
    options.expiry.grace = std::chrono::milliseconds(kHour);
    options.expiry.slice = 3;
    return options;
}

// Memories that expire after so long.
std::vector<Uuid> expiring(EngineFixture& f, int64_t after, size_t count) {
    std::vector<NewMemory> memories(count, EngineFixture::text("for a while"));
    for (NewMemory& memory : memories) memory.expires_at = f.clock.now() + after;
    auto receipt = f.tryCreate(memories);
    CHECK(receipt.ok());
    std::vector<Uuid> ids;
    for (size_t i = 0; i < count; ++i) ids.push_back(*Uuid::parse(receipt->answer.substr(i * 37, 36)));
    return ids;
}

// storage-memory behind a gate that holds writes back. One at a time: the table's functions have no other state.
class Gate {
public:
    explicit Gate(const engram_storage_v1& behind) : table(behind), behind_(behind) {
        one_ = this;
        table.apply = [](void* self, engram_call* call, uint64_t db, const engram_batch* batches, size_t n,
                         engram_apply_result* results) {
            std::unique_lock lock(one_->mutex_);
            one_->waiting = !one_->is_open_;
            one_->opened_.wait(lock, [] { return one_->is_open_; });
            return one_->behind_.apply(self, call, db, batches, n, results);
        };
        table.list = [](void* self, engram_call* call, uint64_t view, const engram_list_query* query, const engram_rows* rows,
                        engram_str* next) {
            const engram_status status = one_->behind_.list(self, call, view, query, rows, next);
            ++one_->lists;
            return status;
        };
    }
    void close() { set(false); }
    void open() { set(true); }

    engram_storage_v1 table;
    std::atomic<bool> waiting{false};  // a write
    std::atomic<int> lists{0};         // that have been answered

private:
    void set(bool open) {
        std::lock_guard lock(mutex_);
        is_open_ = open;
        opened_.notify_all();
    }

    static inline Gate* one_ = nullptr;
    const engram_storage_v1& behind_;
    std::mutex mutex_;
    std::condition_variable opened_;
    bool is_open_ = true;
};

bool known(EngineFixture& f, const Uuid& id) { return f.engine.history(EngineFixture::kTenant, id, {}).ok(); }

}  // namespace

TEST("an expired memory is hidden at once and purged after the grace, in slices") {
    EngineFixture f(quick());
    const auto ids = expiring(f, kHour, 8);
    const Uuid kept = f.create("stays");
    f.clock.advance(kHour);
    for (const Uuid& id : ids) CHECK(!f.get(id));
    CHECK(known(f, ids.front()));
    CHECK_EQ(uint64_t(0), f.engine.expiry().purged());
    f.clock.advance(kHour);
    CHECK(happens([&] { return f.engine.expiry().purged() == 8; }));
    for (const Uuid& id : ids) CHECK(!known(f, id));
    CHECK(f.get(kept).ok());
}

TEST("a memory whose expiry was put off or taken back meanwhile is not purged") {
    EngineFixture f(quick());
    const auto ids = expiring(f, kHour, 3);
    MemoryPatch later;
    later.expires_at = f.clock.now() + 10 * kHour;
    CHECK(f.update(ids[0], later).ok());
    f.clock.advance(kHour);
    CHECK(f.done([&](auto d) { f.engine.undelete(EngineFixture::kTenant, ids[1], EngineFixture::withKey(), d); }).ok());
    f.clock.advance(kHour);
    CHECK(happens([&] { return f.engine.expiry().purged() == 1; }));
    CHECK(f.get(ids[0]).ok());
    CHECK(f.get(ids[1]).ok());
    CHECK(!f.get(ids[1])->expires_at);
    CHECK(!known(f, ids[2]));
}

TEST("a memory that was being written while its tenant was swept is purged as well") {
    EngineFixture f(quick());
    Gate gate(*f.storage.table);
    Engine engine({&gate.table, f.storage.self}, {}, f.clock, quick());
    const auto create = [&](std::optional<int64_t> expires_at) {
        NewMemory memory = EngineFixture::text("for a while");
        memory.expires_at = expires_at;
        return std::async(std::launch::async, [&, memory] {
            return f.done([&](auto d) { engine.create(EngineFixture::kTenant, {memory}, EngineFixture::withKey(), d); });
        });
    };
    CHECK(create({}).get().ok());
    gate.close();
    auto writing = create(f.clock.now() + kHour);
    CHECK(happens([&] { return gate.waiting.load(); }));
    const int before = gate.lists.load();
    f.clock.advance(25 * kHour);  // the tenant is swept once a day
    CHECK(happens([&] { return gate.lists.load() >= before + 2; }));
    gate.open();
    CHECK(writing.get().ok());
    CHECK(happens([&] { return engine.expiry().purged() == 1; }));
    engine.stop();
}

TEST("what expired before the engine came is purged as well, once its tenant is in use") {
    EngineFixture f(quick());
    const auto ids = expiring(f, kHour, 2);
    f.engine.stop();
    f.clock.advance(3 * kHour);
    Engine next(f.storage, {}, f.clock, quick());
    CHECK(next.list(EngineFixture::kTenant, {}, {}).ok());
    CHECK(happens([&] { return next.expiry().purged() == 2; }));
    CHECK(!next.history(EngineFixture::kTenant, ids[0], {}));
}
