#include "engine/engine.hpp"

#include "fixture.hpp"

using namespace engram;
using namespace engram::engine;
using engram::testing::EngineFixture;

namespace {

Result<Receipt> merge(EngineFixture& f, std::vector<Uuid> ids, std::optional<std::string> content = {},
                      WriteOptions options = EngineFixture::withKey()) {
    return f.done([&](auto d) { f.engine.merge(EngineFixture::kTenant, {std::move(ids), std::move(content)}, std::move(options), d); });
}

Uuid store(EngineFixture& f, NewMemory memory) {
    auto receipt = f.tryCreate({std::move(memory)});
    CHECK_MESSAGE(receipt ? "" : receipt.error().message, receipt.ok());
    return *Uuid::parse(receipt->answer.substr(0, 36));
}

}  // namespace

TEST("the first of several is kept, with what the others add and where it came from") {
    EngineFixture f;
    NewMemory first = f.text("Ada drinks tea"), second = f.text("Ada likes green tea"), third = f.text("tea, says Ada");
    first.tags = {"tea"};
    first.metadata = R"({"source":"chat"})";
    first.expires_at = f.clock.now() + 1000;
    second.tags = {"ada", "tea"};
    second.metadata = R"({"source":"mail","page":2})";
    second.importance = 0.9;
    second.expires_at = f.clock.now() + 5000;
    third.expires_at = f.clock.now() + 2000;
    const Uuid a = store(f, first), b = store(f, second), c = store(f, third);
    CHECK(merge(f, {a, b, c}).ok());
    const Memory kept = *f.get(a);
    CHECK_TEXT("Ada drinks tea", kept.content);
    CHECK(kept.tags == std::vector<std::string>({"tea", "ada"}));
    CHECK_TEXT("{\"source\":\"chat\",\"page\":2,\"merged_from\":[\"" + b.text() + "\",\"" + c.text() + "\"]}", kept.metadata);
    CHECK_EQ(0.9, kept.importance);
    CHECK_EQ(f.clock.now() + 5000, *kept.expires_at);
    CHECK_EQ(uint64_t(2), kept.version);
    CHECK(!f.get(b) && !f.get(c));
}

TEST("one that is pinned or permanent makes the whole so, and may be undone") {
    EngineFixture f;
    NewMemory daily = f.text("a");
    daily.expires_at = f.clock.now() + 1000;
    NewMemory pinned = f.text("b");
    pinned.pinned = true;
    const Uuid a = store(f, daily), b = store(f, pinned);
    CHECK(merge(f, {a, b}, "a and b").ok());
    CHECK(f.get(a)->pinned && !f.get(a)->expires_at);
    CHECK_TEXT("a and b", f.get(a)->content);
    for (const Uuid& id : {a, b})
        CHECK(f.done([&](auto d) { f.engine.undo(f.kTenant, id, {}, f.withKey(), d); }).ok());
    CHECK_TEXT("a", f.get(a)->content);
    CHECK_TEXT("{}", f.get(a)->metadata);
    CHECK(f.get(b)->pinned);
}

TEST("a merge of merges names all it was made of") {
    EngineFixture f;
    const Uuid a = f.create("a"), b = f.create("b"), c = f.create("c"), d = f.create("d");
    CHECK(merge(f, {a, b}).ok());
    CHECK(merge(f, {c, d}).ok());
    CHECK(merge(f, {a, c}).ok());
    CHECK_TEXT("{\"merged_from\":[\"" + b.text() + "\",\"" + c.text() + "\",\"" + d.text() + "\"]}", f.get(a)->metadata);
}

TEST("what cannot be merged is refused, and nothing has changed") {
    EngineFixture f;
    const Uuid a = f.create("a"), b = f.create("b", "elsewhere"), unknown = mintUuid(f.clock.now());
    auto absent = merge(f, {a, unknown});
    CHECK_TEXT("memory_not_found", absent.error().code);
    CHECK_TEXT("/ids/1", absent.error().pointer);
    auto elsewhere = merge(f, {a, b});
    CHECK_TEXT("invalid_value", elsewhere.error().code);
    CHECK_TEXT("/ids/1", elsewhere.error().pointer);
    NewMemory large = f.text("c");
    large.metadata = "{\"text\":\"" + std::string(kMaxMetadata - 20, 'x') + "\"}";
    CHECK_TEXT("/metadata", merge(f, {store(f, large), a}).error().pointer);
    std::vector<Uuid> vast;
    for (int i = 0; i < 17; ++i) vast.push_back(f.create(std::to_string(i) + std::string(1000000, 'x')));
    CHECK_TEXT("batch_too_large", merge(f, vast).error().code);
    CHECK_EQ(uint64_t(1), f.get(vast[0])->version);
    CHECK_EQ(uint64_t(1), f.get(a)->version);
    CHECK(f.get(b).ok());
}

TEST("a merge that is repeated with its key is done once") {
    EngineFixture f;
    const Uuid a = f.create("a"), b = f.create("b");
    auto once = merge(f, {a, b}, {}, EngineFixture::withKey("k"));
    CHECK(once.ok());
    auto again = merge(f, {a, b}, {}, EngineFixture::withKey("k"));
    CHECK(again.ok() && again->origin == Receipt::Origin::Replayed);
    CHECK_TEXT(once->answer, again->answer);
    CHECK_EQ(uint64_t(2), f.get(a)->version);
}

TEST("a merged memory is found by what it says, the others by nothing") {
    EngineFixture f;
    const Uuid a = f.create("kettle"), b = f.create("teapot");
    CHECK(merge(f, {a, b}, "kettle and teapot").ok());
    SearchQuery query;
    query.text = "teapot";
    const auto found = f.search(query);
    CHECK_EQ(size_t(1), found.hits.size());
    CHECK(found.hits[0].memory.id == a);
}
