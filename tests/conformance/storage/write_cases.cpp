// apply(): versions, atomicity, names, deleting, undeleting, purging.
#include "store.hpp"
#include "support/test.hpp"

using namespace engram::conformance;

namespace {

Record note(uint64_t id, const std::string& text = "text") {
    Record r;
    r.id = idOf(id);
    r.text = text;
    return r;
}

Record named(uint64_t id, const std::string& name) {
    Record r = note(id);
    r.name = name;
    return r;
}

uint32_t outcomeOf(Store& store, std::vector<Op> ops) {
    Batch batch;
    batch.ops = std::move(ops);
    return store.apply(batch).outcome;
}

}  // namespace

TEST("a record comes back with every field as it was put") {
    Fresh f;
    const uint32_t space = f.store.createSpace("model", 4);
    Record r = note(1, "all of it");
    r.kind = ENGRAM_KIND_BLOCK;
    r.workspace = std::string(128, 'w');
    r.name = "n";
    r.type = "fact";
    r.metadata = R"({"k":[1,2.5,"x"]})";
    r.parent = idOf(99);
    r.position = static_cast<uint64_t>(INT64_MAX);
    r.tags = {"b", "a", "with space"};
    r.importance = 0.1;
    r.pinned = 1;
    r.occurred_at = -1;
    r.created_at = 11;
    r.updated_at = 12;
    r.expires_at = INT64_MAX;
    r.valid_from = INT64_MIN + 1;
    r.valid_until = 0;
    r.terms = {{"all", 1}, {std::string("\x00\xff\x01", 3), 4000000000u}, {std::string(64, 't'), 2}};
    r.length = 7;
    r.vectors[space] = {1, 0, 0, 0};
    const Outcome done = f.store.write({put(r, ENGRAM_VERSION_NEW)});
    CHECK_EQ(done.first_lsn, done.lsn);
    r.version = 1;
    r.lsn_from = done.lsn;
    r.lsn_to = ENGRAM_LSN_MAX;
    CHECK_TEXT(show(r), show(f.store.view()->get(r.id).value()));
}

TEST("text, names, types and tags keep every character but NUL") {
    Fresh f;
    std::string every;
    for (uint32_t c = 1; c < 0x80; ++c) every += static_cast<char>(c);
    every +=
        "\xc2\x80 \xdf\xbf \xe0\xa0\x80 \xed\x9f\xbf \xef\xbf\xbf \xf0\x90\x80\x80 \xf4\x8f\xbf\xbf "
        "'\"\\%_*?";
    Record r = note(1, every);
    r.name = every;
    r.type = every;
    r.tags = {every, "'"};
    f.store.write({put(r)});
    const auto got = f.store.view()->get(r.id).value();
    CHECK_TEXT(every, got.text);
    CHECK_TEXT(every, got.name);
    CHECK_TEXT(every, got.type);
    CHECK(r.tags == got.tags);
    CHECK(f.store.view()->byName("default", r.kind, every).has_value());
}

TEST("a text of a megabyte comes back whole") {
    Fresh f;
    std::string large;
    while (large.size() < (1u << 20)) large += "0123456789abcdef " + std::to_string(large.size());
    f.store.write({put(note(1, large))});
    CHECK(f.store.view()->get(idOf(1))->text == large);
}

TEST("each op of a batch gets the next LSN and versions count up by one") {
    Fresh f;
    const Outcome first = f.store.write({put(note(1)), put(note(2)), put(note(3))});
    CHECK_EQ(first.first_lsn + 2, first.lsn);
    const Outcome second = f.store.write({put(note(2)), remove(idOf(3)), put(note(4))});
    CHECK_EQ(first.lsn + 1, second.first_lsn);
    CHECK_EQ(uint64_t(2), f.store.view()->get(idOf(2))->version);
    CHECK_EQ(second.first_lsn, f.store.view()->get(idOf(2))->lsn_from);
    CHECK_EQ(second.lsn, f.store.lsn());
}

TEST("a version mismatch in the middle leaves nothing of the batch") {
    Fresh f;
    f.store.write({put(note(1, "old"))});
    const uint64_t before = f.store.lsn();
    Edge edge;
    edge.from = idOf(1);
    edge.to = idOf(2);
    Batch batch;
    batch.ops = {put(note(2)), putEdge(edge), put(note(1, "new"), 7), put(note(3))};
    const Outcome outcome = f.store.apply(batch);
    CHECK_EQ(uint32_t(ENGRAM_APPLY_VERSION_MISMATCH), outcome.outcome);
    CHECK_EQ(2u, outcome.failed_op);
    CHECK_EQ(uint64_t(1), outcome.current_version);
    CHECK_EQ(before, f.store.lsn());
    const auto view = f.store.view();
    CHECK(!view->get(idOf(2)) && !view->get(idOf(3)));
    CHECK_TEXT("old", view->get(idOf(1))->text);
    CHECK(view->edges(idOf(1), 0).empty());
    CHECK_EQ(size_t(1), f.store.changes().size());
    CHECK_EQ(uint64_t(1), f.store.counters()["records.1"]);
}

TEST("a purge in a batch that fails leaves record, history, edges and feed as they were") {
    Fresh f;
    Edge edge;
    edge.from = idOf(1);
    edge.to = idOf(2);
    f.store.write({put(note(1, "a")), put(note(2, "b")), putEdge(edge)});
    f.store.write({put(note(1, "c"))});
    std::string before;
    for (const Change& change : f.store.changes()) before += show(change) + "\n";
    CHECK_EQ(uint32_t(ENGRAM_APPLY_VERSION_MISMATCH), outcomeOf(f.store, {purge(idOf(1)), put(note(2), 9)}));
    std::string after;
    for (const Change& change : f.store.changes()) after += show(change) + "\n";
    CHECK_TEXT(before, after);
    CHECK_EQ(size_t(2), f.store.view()->history(idOf(1)).size());
    CHECK_EQ(size_t(1), f.store.view()->edges(idOf(1), 0).size());
}

TEST("a refused batch does not hinder the others of the call") {
    Fresh f;
    Batch good, bad, last;
    good.ops = {put(note(1))};
    bad.ops = {put(note(2), 5)};
    last.ops = {put(note(1, "again"), 1)};
    const auto outcomes = f.store.apply({good, bad, last});
    CHECK_EQ(uint32_t(ENGRAM_APPLY_DONE), outcomes[0].outcome);
    CHECK_EQ(uint32_t(ENGRAM_APPLY_ABSENT), outcomes[1].outcome);
    CHECK_EQ(uint32_t(ENGRAM_APPLY_DONE), outcomes[2].outcome);
    CHECK_EQ(uint64_t(2), f.store.view()->get(idOf(1))->version);
}

TEST("a put that expects a new record is refused even after a delete") {
    Fresh f;
    f.store.write({put(note(1), ENGRAM_VERSION_NEW)});
    CHECK_EQ(uint32_t(ENGRAM_APPLY_EXISTS), outcomeOf(f.store, {put(note(1), ENGRAM_VERSION_NEW)}));
    f.store.write({remove(idOf(1))});
    CHECK_EQ(uint32_t(ENGRAM_APPLY_EXISTS), outcomeOf(f.store, {put(note(1), ENGRAM_VERSION_NEW)}));
    f.store.write({purge(idOf(1))});
    CHECK_EQ(uint32_t(ENGRAM_APPLY_DONE), outcomeOf(f.store, {put(note(1), ENGRAM_VERSION_NEW)}));
    CHECK_EQ(uint64_t(1), f.store.view()->get(idOf(1))->version);
}

TEST("an absent or deleted record cannot be deleted, whatever version is expected") {
    Fresh f;
    for (const uint64_t expected : {uint64_t(ENGRAM_VERSION_ANY), uint64_t(ENGRAM_VERSION_NEW), uint64_t(2)})
        CHECK_EQ(uint32_t(ENGRAM_APPLY_ABSENT), outcomeOf(f.store, {remove(idOf(1), expected)}));
    f.store.write({put(note(1))});
    CHECK_EQ(uint32_t(ENGRAM_APPLY_VERSION_MISMATCH), outcomeOf(f.store, {remove(idOf(1), 2)}));
    f.store.write({remove(idOf(1), 1)});
    for (const uint64_t expected : {uint64_t(ENGRAM_VERSION_ANY), uint64_t(2)})
        CHECK_EQ(uint32_t(ENGRAM_APPLY_ABSENT), outcomeOf(f.store, {remove(idOf(1), expected)}));
    CHECK_EQ(uint32_t(ENGRAM_APPLY_ABSENT), outcomeOf(f.store, {purge(idOf(7))}));
}

TEST("a deleted record is gone from reads, its tombstone is in the history, and a put brings it back") {
    Fresh f;
    Record r = note(1, "first");
    r.type = "fact";
    r.tags = {"t"};
    f.store.write({put(r)});
    f.store.write({remove(idOf(1), 1, 5000)});
    {
        const auto view = f.store.view();
        CHECK(!view->get(idOf(1)));
        CHECK(view->listAll({}).empty());
        const auto tombstone = view->get(idOf(1), kWantAll | ENGRAM_WANT_DELETED).value();
        CHECK_EQ(1u, tombstone.deleted);
        CHECK_EQ(uint64_t(2), tombstone.version);
        CHECK_EQ(engram_time(5000), tombstone.updated_at);
        CHECK_EQ(engram_time(1000), tombstone.created_at);
        CHECK_TEXT("default", tombstone.workspace);
        CHECK_TEXT("fact", tombstone.type);
        CHECK(tombstone.text.empty() && tombstone.tags.empty() && tombstone.metadata.empty());
    }
    f.store.write({put(note(1, "second"), 2)});
    const auto history = f.store.view()->history(idOf(1));
    CHECK_EQ(size_t(3), history.size());
    CHECK_TEXT("first", history[0].text);
    CHECK_EQ(1u, history[1].deleted);
    CHECK_TEXT("second", history[2].text);
    for (size_t i = 0; i < 3; ++i) CHECK_EQ(uint64_t(i + 1), history[i].version);
    for (size_t i = 0; i < 2; ++i) CHECK_EQ(history[i + 1].lsn_from, history[i].lsn_to);
    CHECK_EQ(uint64_t(ENGRAM_LSN_MAX), history[2].lsn_to);
}

TEST("each version remembers whether it is pinned, every row says so, and a tombstone is not pinned") {
    Fresh f;
    Record r = named(1, "n");
    r.pinned = 1;
    const uint64_t first = f.store.write({put(r)}).lsn;
    r.pinned = 0;
    f.store.write({put(r)});
    r.pinned = 1;
    f.store.write({put(r), put(note(2))});
    const auto check = [](const Store& store, uint64_t at, uint32_t pinned) {
        const auto view = store.view(at);
        CHECK_EQ(pinned, view->get(idOf(1), 0)->pinned);
        CHECK_EQ(pinned, view->byName("default", ENGRAM_KIND_MEMORY, "n")->pinned);
        Listing bare;
        bare.want = 0;
        CHECK_EQ(pinned, view->listAll(bare).front().pinned);
    };
    check(f.store, first, 1);
    check(f.store, first + 1, 0);
    check(f.store, ENGRAM_LSN_MAX, 1);
    CHECK_EQ(0u, f.store.view()->get(idOf(2))->pinned);
    f.store.write({remove(idOf(1))});
    CHECK_EQ(0u, f.store.view()->get(idOf(1), ENGRAM_WANT_DELETED)->pinned);

    auto told = [](const Store& store) {
        std::string out;
        for (const Record& version : store.view()->history(idOf(1))) out += std::to_string(version.pinned);
        for (const Change& change : store.changes()) out += " " + std::to_string(change.record.pinned);
        return out;
    };
    CHECK_TEXT("1010 1 0 1 0 0", told(f.store));
    Store copy(f.plugin, "018f0000-0000-7000-8000-000000000002");
    for (const Change& change : f.store.changes()) {
        Batch batch;
        batch.flags = ENGRAM_BATCH_REPLAY;
        batch.ops = {replayOf(change)};
        copy.apply(batch);
    }
    CHECK_TEXT("1010 1 0 1 0 0", told(copy));
    const std::string third = "018f0000-0000-7000-8000-000000000003";
    expect(ENGRAM_OK, f.plugin.tryRestore(third, f.store.snapshot()), "restore");
    CHECK_TEXT("1010 1 0 1 0 0", told(Store(f.plugin, third)));
}

TEST("a record that is neither pinned nor not pinned is refused, and told why") {
    Fresh f;
    Record r = note(1);
    for (const uint32_t pinned : {2u, 0x80000000u, UINT32_MAX}) {
        r.pinned = pinned;
        Batch batch;
        batch.ops = {put(r)};
        const Outcome outcome = f.store.apply(batch);
        CHECK_EQ(uint32_t(ENGRAM_APPLY_REFUSED), outcome.outcome);
        CHECK(outcome.message.find("pinned") != std::string::npos);
    }
    CHECK(!f.store.view()->get(idOf(1)));
}

TEST("a name is unique among live records of a workspace and kind, and free again after a delete") {
    Fresh f;
    f.store.write({put(named(1, "persona"))});
    CHECK_EQ(uint32_t(ENGRAM_APPLY_NAME_TAKEN), outcomeOf(f.store, {put(named(2, "persona"))}));
    Record elsewhere = named(3, "persona");
    elsewhere.workspace = "other";
    Record of_other_kind = named(4, "persona");
    of_other_kind.kind = ENGRAM_KIND_BLOCK;
    f.store.write({put(elsewhere), put(of_other_kind), put(named(5, "Persona")), put(note(6)), put(note(7))});
    f.store.write({put(named(1, "persona"))});  // its own name
    CHECK_EQ(uint32_t(ENGRAM_APPLY_NAME_TAKEN),
             outcomeOf(f.store, {put(named(2, "persona")), remove(idOf(1))}));
    f.store.write({remove(idOf(1)), put(named(2, "persona"))});
    CHECK(f.store.view()->byName("default", ENGRAM_KIND_MEMORY, "persona")->id == idOf(2));
    CHECK_EQ(uint32_t(ENGRAM_APPLY_NAME_TAKEN), outcomeOf(f.store, {put(named(1, "persona"))}));
    f.store.write({put(named(2, "renamed"))});
    f.store.write({put(named(1, "persona"))});
}

TEST("two records of one batch cannot take the same name") {
    Fresh f;
    Batch batch;
    batch.ops = {put(named(1, "n")), put(named(2, "n"))};
    const Outcome outcome = f.store.apply(batch);
    CHECK_EQ(uint32_t(ENGRAM_APPLY_NAME_TAKEN), outcome.outcome);
    CHECK_EQ(1u, outcome.failed_op);
    CHECK(!f.store.view()->get(idOf(1)));
}

TEST("a purge leaves no trace in any read, at any LSN") {
    Fresh f;
    const uint32_t space = f.store.createSpace("model", 2);
    Record secret = named(1, "secret");
    secret.text = "secret";
    secret.terms = {{"secret", 1}, {"word", 1}};
    secret.length = 2;
    secret.vectors[space] = {1, 0};
    Edge to, from;
    to.from = from.to = idOf(1);
    to.to = from.from = idOf(2);
    f.store.write({put(secret), put(note(2)), putEdge(to), putEdge(from)});
    f.store.write({put(secret), removeEdge(to)});
    f.store.write({remove(idOf(1))});
    f.store.write({put(secret)});
    const uint64_t last = f.store.lsn();
    f.store.write({purge(idOf(1))});
    for (uint64_t lsn = 0; lsn <= f.store.lsn(); ++lsn) {
        const auto view = f.store.view(lsn);
        CHECK(!view->get(idOf(1), kWantAll | ENGRAM_WANT_DELETED));
        CHECK(!view->byName("default", ENGRAM_KIND_MEMORY, "secret"));
        CHECK(view->history(idOf(1)).empty());
        for (const Record& record : view->listAll({})) CHECK(record.id == idOf(2));
        CHECK(view->edges(idOf(2), 0).empty() && view->edges(idOf(2), 1).empty());
        CHECK(view->match({}, {"secret", "word"}).empty());
        CHECK(view->expand({}, "", 10).empty());
        CHECK_EQ(uint64_t(0), view->terms({}, {"secret"}).df[0]);
        CHECK(view->nearest({}, space, {1, 0}, 5).empty());
    }
    const auto changes = f.store.changes();
    CHECK_EQ(size_t(2), changes.size());  // the other record, and that this one was purged
    CHECK_EQ(uint32_t(ENGRAM_CHANGE_PURGE), changes[1].kind);
    CHECK_EQ(last + 1, changes[1].lsn);
    CHECK(changes[1].record.id == idOf(1) && changes[1].record.text.empty());
    CHECK(f.store.counters() ==
          (std::map<std::string, uint64_t>{{"records.1", 1}, {"workspace.default", 1}, {"bytes", 4}}));
}

TEST("a purge that expects another version than the newest does nothing") {
    Fresh f;
    f.store.write({put(note(1, "first"))});
    f.store.write({put(note(1, "second"), 1)});
    Op old = purge(idOf(1));
    old.expected = 1;
    CHECK_EQ(uint32_t(ENGRAM_APPLY_VERSION_MISMATCH), outcomeOf(f.store, {old}));
    CHECK_EQ(size_t(2), f.store.view()->history(idOf(1)).size());
    f.store.write({remove(idOf(1))});
    Op tombstone = purge(idOf(1));
    tombstone.expected = 3;
    f.store.write({tombstone});
    CHECK(f.store.view()->history(idOf(1)).empty());
    CHECK_EQ(uint32_t(ENGRAM_APPLY_ABSENT), outcomeOf(f.store, {tombstone}));
}

TEST("a store that was written to and purged passes the plugin's own check, if it has one, while a view is open") {
    Fresh f;
    const engram_storage_v1& table = f.store.table();
    if (!ENGRAM_HAS(engram_storage_v1, &table, check) || !table.check) return;
    for (uint64_t id = 1; id <= 50; ++id) f.store.write({put(note(id, std::string(2000, 'x')))});
    const auto view = f.store.view();
    engram::ArenaCall call;
    expect(ENGRAM_OK, table.check(f.store.self(), call, f.store.handle()), call.message());
    expect(ENGRAM_NOT_FOUND, table.check(f.store.self(), call, f.store.handle() + 1000), call.message());
}
