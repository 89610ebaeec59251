#include "engine/duplicates.hpp"

#include "fixture.hpp"

#include <set>
#include <thread>

using namespace engram;
using namespace engram::engine;
using engram::testing::EngineFixture;

namespace {

NewMemory once(const std::string& content, OnDuplicate how, std::vector<std::string> tags = {}, const std::string& metadata = "{}") {
    NewMemory memory = EngineFixture::text(content);
    memory.on_duplicate = how;
    memory.tags = std::move(tags);
    memory.metadata = metadata;
    return memory;
}

// "<id>:<outcome>," of each item.
std::string shown(std::span<const Written> written) {
    std::string out;
    for (const Written& item : written) out += item.memory.id.text() + ":" + std::to_string(int(item.outcome)) + ",";
    return out;
}

Result<Receipt> create(EngineFixture& f, std::vector<NewMemory> memories, Items items = Items::Together,
                       WriteOptions options = EngineFixture::withKey()) {
    return f.done([&](auto d) {
        f.engine.createOnce(EngineFixture::kTenant, std::move(memories), items, std::move(options), &shown, d);
    });
}

std::string outcome(Written::Outcome outcome) { return ":" + std::to_string(int(outcome)) + ","; }
bool is(const Result<Receipt>& receipt, Written::Outcome wanted) { return receipt && receipt->answer.ends_with(outcome(wanted)); }

std::vector<Memory> all(EngineFixture& f) {
    auto page = f.engine.list(EngineFixture::kTenant, {}, {});
    CHECK(page.ok());
    return page->memories;
}

}  // namespace

TEST("texts are the same but for normalisation and white space") {
    CHECK_TEXT("a b", canonicalText("  a \t\n b\r\n"));
    CHECK_TEXT("a b", canonicalText("a\xC2\xA0\xE3\x80\x80" "b"));
    CHECK_TEXT(canonicalText("caf\xC3\xA9"), canonicalText("cafe\xCC\x81"));
    CHECK(canonicalText("Tea") != canonicalText("tea"));
    CHECK_TEXT("\xFF x", canonicalText("\xFF  x"));
    CHECK_TEXT("", canonicalText(" \n"));
}

TEST("reject names the memory that is there, skip answers with it, allow stores another") {
    EngineFixture f;
    const Uuid there = f.create("Ada drinks tea");
    auto refused = create(f, {once("Ada  drinks tea", OnDuplicate::Reject)});
    CHECK(!refused);
    CHECK_TEXT("duplicate_memory", refused.error().code);
    CHECK(refused.error().message.find(there.text()) != std::string::npos);
    auto skipped = create(f, {once("Ada drinks tea ", OnDuplicate::Skip)});
    CHECK(is(skipped, Written::Outcome::Skipped));
    CHECK(skipped->answer.starts_with(there.text()));
    CHECK_EQ(size_t(1), all(f).size());
    CHECK(is(create(f, {once("Ada drinks tea", OnDuplicate::Allow)}), Written::Outcome::Created));
    CHECK_EQ(size_t(2), all(f).size());
}

TEST("another workspace, a deleted, a changed and an expired memory are no duplicates") {
    EngineFixture f;
    f.create("tea", "elsewhere");
    const Uuid gone = f.create("tea");
    CHECK(f.done([&](auto d) { f.engine.remove(EngineFixture::kTenant, gone, {}, EngineFixture::withKey(), d); }).ok());
    NewMemory brief = once("tea", OnDuplicate::Reject);
    brief.expires_at = f.clock.now() + 1000;
    CHECK(is(create(f, {brief}), Written::Outcome::Created));
    CHECK(!create(f, {once("tea", OnDuplicate::Reject)}));
    f.clock.advance(1000);
    auto next = create(f, {once("tea", OnDuplicate::Reject)});  // although the expired one still has the name
    CHECK(is(next, Written::Outcome::Created));
    const Uuid id = *Uuid::parse(next->answer.substr(0, 36));
    MemoryPatch patch;
    patch.content = "coffee";
    CHECK(f.update(id, patch).ok());
    CHECK(is(create(f, {once("tea", OnDuplicate::Reject)}), Written::Outcome::Created));
    CHECK(!create(f, {once("coffee", OnDuplicate::Reject)}));
}

TEST("merge adds tags and metadata to the one there as a new version, or leaves it where nothing is new") {
    EngineFixture f;
    CHECK(create(f, {once("tea", OnDuplicate::Merge, {"a"}, R"({"x":1,"y":1})")}).ok());
    NewMemory more = once("tea", OnDuplicate::Merge, {"b", "a"}, R"({"y":2,"z":{"q":[1]}})");
    more.importance = 0.9;
    CHECK(is(create(f, {more}), Written::Outcome::Merged));
    const auto memories = all(f);
    CHECK_EQ(size_t(1), memories.size());
    CHECK_EQ(uint64_t(2), memories[0].version);
    CHECK(memories[0].tags == (std::vector<std::string>{"a", "b"}));
    CHECK_TEXT(R"({"x":1,"y":2,"z":{"q":[1]}})", memories[0].metadata);
    CHECK_EQ(0.9, memories[0].importance);
    CHECK(is(create(f, {more}), Written::Outcome::Skipped));
    CHECK_EQ(uint64_t(2), all(f)[0].version);
}

TEST("of parallel writers of one text one stores it, whatever else happens to it") {
    for (OnDuplicate how : {OnDuplicate::Reject, OnDuplicate::Skip, OnDuplicate::Merge}) {
        EngineFixture f;
        f.create("other");
        constexpr int kWriters = 32;
        std::atomic<int> created{0}, others{0};
        std::vector<std::thread> writers;
        for (int w = 0; w < kWriters; ++w)
            writers.emplace_back([&, w] {
                auto receipt = create(f, {once("one text", how, {"w" + std::to_string(w)})});
                if (is(receipt, Written::Outcome::Created)) ++created;
                else if (is(receipt, Written::Outcome::Skipped) || is(receipt, Written::Outcome::Merged)) ++others;
                else if (!receipt && receipt.error().code == "duplicate_memory") ++others;
                if (receipt && w % 4 == 0) {  // a change that leaves the text must not let a second one in
                    MemoryPatch patch;
                    patch.importance = 0.7;
                    (void)f.update(*Uuid::parse(receipt->answer.substr(0, 36)), patch);  // may lose to the mergers
                }
            });
        for (std::thread& writer : writers) writer.join();
        CHECK_EQ(1, created.load());
        CHECK_EQ(kWriters - 1, others.load());
        const auto memories = all(f);
        CHECK_EQ(size_t(2), memories.size());
        if (how == OnDuplicate::Merge)
            for (const Memory& memory : memories)
                if (memory.content == "one text") CHECK_EQ(size_t(kWriters), std::set(memory.tags.begin(), memory.tags.end()).size());
    }
}

TEST("items of a batch meet each other, and one that is refused hinders the others only if they go together") {
    EngineFixture f;
    f.create("there");
    const std::vector<NewMemory> items = {once("new", OnDuplicate::Reject), once("there", OnDuplicate::Reject),
                                          once("new ", OnDuplicate::Reject), once("new", OnDuplicate::Merge, {"t"})};
    auto together = create(f, items);
    CHECK(!together);
    CHECK_TEXT("/memories/1/content", together.error().pointer);
    CHECK_EQ(size_t(1), all(f).size());
    auto each = create(f, items, Items::Independent);
    CHECK(each.ok());
    CHECK_EQ(size_t(2), all(f).size());
    CHECK(each->answer.ends_with(outcome(Written::Outcome::Merged)));
    CHECK(all(f)[0].tags == std::vector<std::string>{"t"});
}

TEST("a repeated request gets its first answer, though the text is there by now") {
    EngineFixture f;
    auto first = create(f, {once("tea", OnDuplicate::Reject)}, Items::Together, EngineFixture::withKey("key", 1));
    auto again = create(f, {once("tea", OnDuplicate::Reject)}, Items::Together, EngineFixture::withKey("key", 1));
    CHECK(again.ok());
    CHECK_TEXT(first->answer, again->answer);
    CHECK(!create(f, {once("tea", OnDuplicate::Reject)}, Items::Together, EngineFixture::withKey("other", 1)));
}

TEST("memories that share most of their words are found, best first, and pairs of a workspace once") {
    EngineFixture f;
    const Uuid tea = f.create("Ada drinks green tea every morning at seven");
    f.create("Ada drinks green tea every morning at eight");
    f.create("Ada  drinks green tea every morning at seven");
    f.create("Bob rows on Sundays");
    f.create("Ada drinks green tea every morning at seven", "elsewhere");
    DuplicatesQuery query;
    query.id = tea;
    query.threshold = 0.7;
    auto page = f.engine.duplicates(EngineFixture::kTenant, query, {});
    CHECK(page.ok());
    CHECK_EQ(size_t(2), page->pairs.size());
    CHECK(page->pairs[0].same && page->pairs[0].score == 1.0);
    CHECK(!page->pairs[1].same && page->pairs[1].score < 1.0);
    query.id.reset();
    page = f.engine.duplicates(EngineFixture::kTenant, query, {});
    CHECK_EQ(size_t(3), page->pairs.size());
    CHECK(page->next_cursor.empty());
    query.threshold = 1;
    CHECK_EQ(size_t(1), f.engine.duplicates(EngineFixture::kTenant, query, {})->pairs.size());
    query.id = Uuid();
    CHECK_TEXT("memory_not_found", f.engine.duplicates(EngineFixture::kTenant, query, {}).error().code);
}
