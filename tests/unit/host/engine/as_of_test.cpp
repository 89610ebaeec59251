#include "engine/as_of.hpp"

#include "fixture.hpp"

#include <engram/cpp/text.hpp>

using namespace engram;
using namespace engram::engine;
using engram::testing::EngineFixture;

namespace {

class Past : public EngineFixture {
public:
    std::string found(SearchQuery query) {
        query.text = "tea";
        query.mode = SearchQuery::Mode::Lexical;
        auto answer = engine.search(kTenant, query, {});
        if (!answer) return answer.error().code;
        std::string out;
        for (const Hit& hit : answer->hits) out += (out.empty() ? "" : "|") + hit.memory.content;
        return out;
    }
    std::string at(int64_t time) {
        SearchQuery query;
        query.as_of_time = time;
        return found(query);
    }
    std::string atLsn(uint64_t lsn) {
        SearchQuery query;
        query.as_of_lsn = lsn;
        return found(query);
    }
    uint64_t change(const Uuid& id, const std::string& content) {
        MemoryPatch patch;
        patch.content = content;
        auto receipt = done([&](auto d) { engine.update(kTenant, id, patch, {}, withKey(), d); });
        CHECK(receipt.ok());
        return receipt->lsn;
    }
    void purge(const Uuid& id) {
        ArenaCall call;
        uint64_t db = 0;
        CHECK_EQ(engram_status(ENGRAM_OK), storage.table->open(storage.self, call, borrow(kTenant), 0, &db));
        engram_record record{};
        record.size = sizeof record;
        record.id = id.abi();
        engram_op op{};
        op.size = sizeof op;
        op.kind = ENGRAM_OP_PURGE;
        op.record = &record;
        op.expected = ENGRAM_VERSION_ANY;
        engram_batch batch{};
        batch.size = sizeof batch;
        batch.ops = &op;
        batch.n_ops = 1;
        batch.now = clock.now();
        engram_apply_result result{};
        result.size = sizeof result;
        CHECK_EQ(engram_status(ENGRAM_OK), storage.table->apply(storage.self, call, db, &batch, 1, &result));
        CHECK_EQ(uint32_t(ENGRAM_APPLY_DONE), result.outcome);
        storage.table->close(storage.self, call, db);
    }
};

}  // namespace

TEST("a search as of a time finds what was said then, in the words of then") {
    Past s;
    const int64_t start = s.clock.now();
    const Uuid id = s.create("green tea");
    s.clock.advance(1000);
    s.change(id, "black tea");
    s.clock.advance(1000);
    CHECK(s.done([&](auto d) { s.engine.remove(s.kTenant, id, {}, s.withKey(), d); }).ok());
    s.clock.advance(1000);
    s.create("white tea");
    CHECK_TEXT("", s.at(start - 1));
    CHECK_TEXT("green tea", s.at(start));
    CHECK_TEXT("green tea", s.at(start + 999));
    CHECK_TEXT("black tea", s.at(start + 1000));
    CHECK_TEXT("", s.at(start + 2000));
    CHECK_TEXT("white tea", s.at(start + 3000));
    CHECK_TEXT("white tea", s.at(start + 1'000'000));
}

TEST("a search as of an LSN finds what was there; one that is not there yet is refused") {
    Past s;
    const Uuid id = s.create("green tea");
    const uint64_t lsn = s.change(id, "black tea");
    CHECK_TEXT("black tea", s.atLsn(lsn));
    CHECK_TEXT("green tea", s.atLsn(lsn - 1));
    CHECK_TEXT("", s.atLsn(0));
    CHECK_TEXT("unavailable", s.atLsn(lsn + 1));
}

TEST("what has expired since is found as of a time before, and of an LSN before") {
    Past s;
    NewMemory brief = s.text("brief tea");
    const int64_t start = s.clock.now();
    brief.expires_at = start + 1000;
    const auto receipt = s.tryCreate({brief});
    s.clock.advance(5000);
    CHECK_TEXT("", s.found({}));
    CHECK_TEXT("brief tea", s.at(start + 999));
    CHECK_TEXT("", s.at(start + 1000));
    CHECK_TEXT("brief tea", s.atLsn(receipt->lsn));
}

TEST("many changes, purges among them: each time leads to the last change made by then") {
    Past s;
    const int64_t start = s.clock.now();
    std::vector<Uuid> ids;
    for (int i = 0; i < 40; ++i) {
        ids.push_back(s.create("tea " + std::to_string(i)));
        s.clock.advance(10);
    }
    for (int i = 0; i < 40; i += 3) s.purge(ids[static_cast<size_t>(i)]);
    for (int i = 0; i < 40; ++i) {
        SearchQuery query;
        query.as_of_time = start + 10 * i + 5;
        query.text = "tea";
        query.mode = SearchQuery::Mode::Lexical;
        query.limit = 100;
        const auto answer = s.engine.search(s.kTenant, query, {});
        CHECK(answer.ok());
        CHECK_EQ(static_cast<size_t>(i + 1 - (i / 3 + 1)), answer->hits.size());
    }
}
