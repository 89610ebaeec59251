#include "engine/engine.hpp"

#include "fixture.hpp"

using namespace engram;
using namespace engram::engine;
using engram::testing::EngineFixture;

namespace {

std::string outcomes(std::span<const Written> written) {
    std::string out;
    for (const Written& item : written) out += std::to_string(int(item.outcome)) + ",";
    return out;
}

std::string list(std::initializer_list<Written::Outcome> wanted) {
    std::string out;
    for (auto outcome : wanted) out += std::to_string(int(outcome)) + ",";
    return out;
}

Result<Receipt> change(EngineFixture& f, std::vector<Uuid> ids, BulkChange bulk, Items items = Items::Independent) {
    return f.done([&](auto d) {
        f.engine.changeMany(EngineFixture::kTenant, std::move(ids), std::move(bulk), items, EngineFixture::withKey(), &outcomes, d);
    });
}

Result<Receipt> undo(EngineFixture& f, const Uuid& id, std::optional<uint64_t> expected = {}) {
    return f.done([&](auto d) { f.engine.undo(EngineFixture::kTenant, id, expected, EngineFixture::withKey(), d); });
}

using Became = Written::Outcome;

}  // namespace

TEST("many are deleted at once, each with a result, or none if they go together") {
    EngineFixture f;
    const Uuid a = f.create("a"), b = f.create("b"), unknown = mintUuid(f.clock.now());
    auto refused = change(f, {a, unknown}, {}, Items::Together);
    CHECK(!refused);
    CHECK_TEXT("memory_not_found", refused.error().code);
    CHECK_TEXT("/ids/1", refused.error().pointer);
    CHECK(f.get(a).ok());
    auto done = change(f, {a, unknown, b, a}, {});
    CHECK(done.ok());
    CHECK_TEXT(list({Became::Deleted, Became::Refused, Became::Deleted, Became::Unchanged}), done->answer);
    CHECK(!f.get(a) && !f.get(b));
    CHECK_TEXT(list({Became::Refused}), change(f, {a}, {})->answer);
}

TEST("what is pinned is deleted by itself only") {
    EngineFixture f;
    const Uuid a = f.create("a"), b = f.create("b");
    MemoryPatch pin;
    pin.pinned = true;
    CHECK(f.update(a, pin).ok());
    CHECK_TEXT(list({Became::Refused, Became::Deleted}), change(f, {a, b}, {})->answer);
    CHECK_TEXT("memory_pinned", change(f, {a}, {}, Items::Together).error().code);
    CHECK(f.get(a)->pinned);
    CHECK(f.done([&](auto d) { f.engine.remove(f.kTenant, a, {}, f.withKey(), d); }).ok());
    CHECK(!f.get(a));
}

TEST("tags are added and taken away; what has them already is not written") {
    EngineFixture f;
    const Uuid a = f.create("a"), b = f.create("b");
    CHECK_TEXT(list({Became::Changed, Became::Changed}), change(f, {a, b}, {BulkChange::Kind::Tags, {"x", "y"}, {}})->answer);
    CHECK_TEXT(list({Became::Changed}), change(f, {a}, {BulkChange::Kind::Tags, {}, {"y"}})->answer);
    CHECK_TEXT(list({Became::Unchanged, Became::Changed}), change(f, {a, b}, {BulkChange::Kind::Tags, {"x"}, {"y"}})->answer);
    CHECK(f.get(a)->tags == std::vector<std::string>{"x"});
    CHECK_EQ(uint64_t(3), f.get(a)->version);
    std::vector<std::string> many;
    for (int i = 0; i < 70; ++i) many.push_back("t" + std::to_string(i));
    CHECK_TEXT(list({Became::Refused}), change(f, {a}, {BulkChange::Kind::Tags, many, {}})->answer);
}

TEST("undo takes the last change back, and again brings it back") {
    EngineFixture f;
    const Uuid id = f.create("tea");
    CHECK_TEXT("nothing_to_undo", undo(f, id).error().code);
    MemoryPatch patch;
    patch.content = "coffee";
    CHECK(f.update(id, patch).ok());
    CHECK(undo(f, id).ok());
    CHECK_TEXT("tea", f.get(id)->content);
    CHECK(undo(f, id).ok());
    CHECK_TEXT("coffee", f.get(id)->content);
    CHECK_TEXT("version_conflict", undo(f, id, 1).error().code);
    CHECK_EQ(uint64_t(4), f.get(id)->version);
}

TEST("undo of a delete brings the memory back, and again deletes it") {
    EngineFixture f;
    const Uuid id = f.create("tea");
    CHECK(f.done([&](auto d) { f.engine.remove(EngineFixture::kTenant, id, {}, EngineFixture::withKey(), d); }).ok());
    CHECK(undo(f, id).ok());
    CHECK_TEXT("tea", f.get(id)->content);
    CHECK(undo(f, id).ok());
    CHECK(!f.get(id));
    CHECK_TEXT("memory_not_found", undo(f, mintUuid(f.clock.now())).error().code);
}
