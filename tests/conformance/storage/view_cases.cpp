// Views: as of an LSN, stable while others write, get by each kind of ref.
#include "random_workload.hpp"
#include "store.hpp"
#include "support/test.hpp"

#include <cmath>
#include <future>

using namespace engram::conformance;

namespace {

Record note(uint64_t id, const std::string& text) {
    Record r;
    r.id = idOf(id);
    r.text = text;
    return r;
}

// Content only: a later write closes a version, which is no change of what was visible.
std::string contentOf(const View& view) {
    std::string out;
    for (Record record : view.listAll({})) {
        record.lsn_to = 0;
        out += show(record) + "\n";
    }
    return out;
}

}  // namespace

TEST("a view as of every LSN shows what was visible then") {
    Fresh f;
    const uint32_t space = f.store.createSpace("model", RandomWorkload::kDimensions);
    RandomWorkload random(7, space);
    std::map<uint64_t, std::string> then{{0, ""}};
    for (int i = 0; i < 150; ++i) {
        for (Batch& batch : random.batches()) {
            std::erase_if(batch.ops,
                          [](const Op& op) { return op.kind == ENGRAM_OP_PURGE; });  // it changes the past
            f.store.apply(batch);
        }
        const auto view = f.store.view();
        then[view->lsn()] = contentOf(*view);
    }
    CHECK(then.size() > 30);
    for (const auto& [lsn, content] : then) CHECK_TEXT(content, contentOf(*f.store.view(lsn)));
}

TEST("a view does not see what is written after it began") {
    Fresh f;
    f.store.write({put(note(1, "old")), put(note(2, "old"))});
    const auto view = f.store.view();
    f.store.write({put(note(1, "new")), remove(idOf(2)), put(note(3, "new"))});
    CHECK_TEXT("old", view->get(idOf(1))->text);
    CHECK_TEXT("old", view->get(idOf(2))->text);
    CHECK(!view->get(idOf(3)));
    CHECK_EQ(size_t(2), view->listAll({}).size());
    CHECK_EQ(size_t(1), view->history(idOf(1)).size());
    CHECK_EQ(size_t(2), f.store.view()->history(idOf(1)).size());
}

TEST("a row's facts alone are those of the whole row, in every view, for rows that are there") {
    Fresh f;
    const uint32_t space = f.store.createSpace("model", RandomWorkload::kDimensions);
    RandomWorkload random(11, space);
    for (int i = 0; i < 200; ++i)
        for (const Batch& batch : random.batches()) f.store.apply(batch);
    size_t found = 0;
    for (uint64_t at = 0; at <= f.store.lsn(); at += 1 + f.store.lsn() / 7) {
        const auto view = f.store.view(at);
        std::vector<engram_ref> refs;
        for (uint64_t rid = 0; rid <= f.store.lsn() + 2; ++rid) {
            refs.push_back({});
            refs.back().by = ENGRAM_BY_RID;
            refs.back().rid = rid;
        }
        const auto whole = view->get(refs, 0), facts = view->get(refs, ENGRAM_WANT_FACTS);
        CHECK_EQ(whole.size(), facts.size());
        for (size_t i = 0; i < whole.size(); ++i) {
            const Record &a = whole[i].second, &b = facts[i].second;
            CHECK_EQ(whole[i].first, facts[i].first);
            CHECK(a.rid == b.rid && a.id == b.id && a.kind == b.kind && a.importance == b.importance && a.pinned == b.pinned);
            CHECK(a.created_at == b.created_at && a.updated_at == b.updated_at && a.occurred_at == b.occurred_at &&
                  a.expires_at == b.expires_at);
        }
        found += whole.size();
    }
    CHECK(found > 30);
}

TEST("an LSN that is not there yet is out of range") {
    Fresh f;
    f.store.write({put(note(1, "x"))});
    const uint64_t newest = f.store.lsn();
    expect(ENGRAM_OK, f.store.tryView(newest, newest), "newest");
    expect(ENGRAM_OK, f.store.tryView(0, 0), "before the first");
    expect(ENGRAM_OUT_OF_RANGE, f.store.tryView(newest + 1, 0), "as of a future LSN");
    expect(ENGRAM_OUT_OF_RANGE, f.store.tryView(ENGRAM_LSN_MAX, newest + 1), "at least a future LSN");
    CHECK_EQ(newest, f.store.view()->lsn());
    CHECK_EQ(uint64_t(0), f.store.view(0)->lsn());
}

TEST("get skips absent refs and tells the position of the others") {
    Fresh f;
    Record r = note(1, "one");
    r.name = "n";
    f.store.write({put(r), put(note(2, "two"))});
    const auto view = f.store.view();
    const uint64_t rid = view->get(idOf(2))->rid;
    CHECK(rid != 0);
    std::vector<engram_ref> refs(5);
    for (auto& ref : refs) ref = {};
    refs[0].by = ENGRAM_BY_ID;
    refs[0].id = abiId(idOf(77));
    refs[1].by = ENGRAM_BY_RID;
    refs[1].rid = rid;
    refs[2].by = ENGRAM_BY_NAME;
    refs[2].kind = ENGRAM_KIND_MEMORY;
    refs[2].workspace = engram_lit("default");
    refs[2].name = engram_lit("n");
    refs[3] = refs[2];
    refs[3].workspace = engram_lit("elsewhere");
    refs[4].by = ENGRAM_BY_RID;
    refs[4].rid = rid + 1000000;
    const auto rows = view->get(refs, ENGRAM_WANT_TEXT);
    CHECK_EQ(size_t(2), rows.size());
    CHECK_EQ(size_t(1), rows[0].first);
    CHECK_TEXT("two", rows[0].second.text);
    CHECK_EQ(size_t(2), rows[1].first);
    CHECK_TEXT("one", rows[1].second.text);
}

TEST("a name leads to the record that had it in the view") {
    Fresh f;
    Record a = note(1, "a"), b = note(2, "b");
    a.name = b.name = "n";
    const uint64_t first = f.store.write({put(a)}).lsn;
    f.store.write({remove(idOf(1)), put(b)});
    CHECK(f.store.view(first)->byName("default", ENGRAM_KIND_MEMORY, "n")->id == idOf(1));
    CHECK(f.store.view()->byName("default", ENGRAM_KIND_MEMORY, "n")->id == idOf(2));
    CHECK(!f.store.view()->byName("default", ENGRAM_KIND_BLOCK, "n"));
}

TEST("a row carries what is wanted, and always its fixed-size fields, workspace and type") {
    Fresh f;
    Record r = note(1, "text");
    r.type = "fact";
    r.metadata = "{}";
    r.name = "n";
    r.tags = {"t"};
    r.terms = {{"text", 1}};
    f.store.write({put(r)});
    const auto view = f.store.view();
    const Record bare = view->get(r.id, 0).value();
    CHECK_TEXT("default", bare.workspace);
    CHECK_TEXT("fact", bare.type);
    CHECK_EQ(uint64_t(1), bare.version);
    CHECK_EQ(0.5, bare.importance);
    CHECK_TEXT("text", view->get(r.id, ENGRAM_WANT_TEXT)->text);
    const Record described = view->get(r.id, ENGRAM_WANT_METADATA).value();
    CHECK_TEXT("{}", described.metadata);
    CHECK_TEXT("n", described.name);
    CHECK_EQ(size_t(1), described.tags.size());
    CHECK_EQ(size_t(1), view->get(r.id, ENGRAM_WANT_TERMS)->terms.size());
}

TEST("a sink that stops a read has its status returned") {
    Fresh f;
    f.store.write({put(note(1, "a")), put(note(2, "b"))});
    const auto view = f.store.view();
    int rows = 0;
    const engram_rows sink = {sizeof(engram_rows), 0, &rows,
                              [](void* ctx, size_t, const engram_record*) -> engram_status {
                                  ++*static_cast<int*>(ctx);
                                  return ENGRAM_CANCELLED;
                              }};
    engram_list_query query{};
    query.size = sizeof query;
    query.order = ENGRAM_ORDER_CREATED;
    query.limit = 10;
    query.scope.size = sizeof query.scope;
    engram_str next{};
    engram::ArenaCall call;
    expect(ENGRAM_CANCELLED, f.store.table().list(f.store.self(), call, view->handle(), &query, &sink, &next),
           "list");
    CHECK_EQ(1, rows);
}

TEST("a ranking that is not one is refused") {
    Fresh f;
    const auto view = f.store.view();
    const engram_storage_v1& table = f.store.table();
    if (!ENGRAM_HAS(engram_storage_v1, &table, match_best) || !table.match_best) return;
    const double weight = 1, none = 0;
    const engram_ranking good = {sizeof good, 1, 1.2, 0.3, 5, &weight};
    expect(ENGRAM_OK, view->tryMatchBest(good, {"tea"}), "a ranking");
    std::vector<engram_ranking> bad(6, good);
    bad[0].keep = 0;
    bad[1].k1 = -1;
    bad[2].b = 2;
    bad[3].average_length = 0;
    bad[4].weights = &none;
    bad[5].k1 = HUGE_VAL;
    for (const engram_ranking& ranking : bad) expect(ENGRAM_INVALID_ARGUMENT, view->tryMatchBest(ranking, {"tea"}), "no ranking");
}

TEST("a purge that comes while a view is open neither hinders the view nor fails, once the view ends") {
    Fresh f;
    const uint32_t space = f.store.createSpace("model", 2);
    Record r = note(1, "tea");
    r.terms["tea"] = r.length = 1;
    r.vectors[space] = {1, 0};
    Record other = r;
    other.id = idOf(2);
    f.store.write({put(r), put(other)});
    auto view = f.store.view();
    CHECK_EQ(size_t(2), view->match({}, {"tea"}).size());
    auto purged = std::async(std::launch::async, [&] { return f.store.write({purge(idOf(1))}); });
    CHECK_EQ(size_t(1), f.store.changes(2, 10, 10000).size());
    CHECK(!view->nearest({}, space, {1, 0}, 10).empty());
    view.reset();
    CHECK_EQ(uint32_t(ENGRAM_APPLY_DONE), purged.get().outcome);
}
