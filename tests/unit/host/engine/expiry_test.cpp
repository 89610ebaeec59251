#include "engine/expiry.hpp"

#include "fixture.hpp"
#include "moody_embedder.hpp"

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
