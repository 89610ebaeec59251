// Vectors that come after their records, and which space is searched, which next.
#include "store.hpp"
#include "support/test.hpp"

#include <cmath>
#include <limits>

using namespace engram::conformance;

namespace {

Record note(uint64_t id, uint32_t kind = ENGRAM_KIND_MEMORY) {
    Record r;
    r.id = idOf(id);
    r.kind = kind;
    r.text = "text " + std::to_string(id);
    return r;
}

std::vector<Id> ids(const std::vector<std::pair<Id, uint64_t>>& rows) {
    std::vector<Id> out;
    for (const auto& [id, rid] : rows) out.push_back(id);
    return out;
}

std::vector<Id> nearestIds(const Store& store, uint32_t space, const std::vector<float>& vector) {
    const auto view = store.view();
    std::vector<Id> out;
    for (const engram_neighbour& n : view->nearest({}, space, vector, 10)) out.push_back(view->byRid(n.rid)->id);
    return out;
}

uint64_t ridOf(const Store& store, uint64_t id) { return store.view()->get(idOf(id))->rid; }

uint32_t stateOf(const Store& store, uint32_t id) {
    for (const Space& space : store.spaces())
        if (space.id == id) return space.active;
    return 99;
}

uint64_t coveredOf(const Store& store, uint32_t id) {
    for (const Space& space : store.spaces())
        if (space.id == id) return space.covered;
    return 99;
}

}  // namespace

TEST("unfilled tells which live records of a kind lack a vector, by rid and page by page") {
    Fresh f;
    if (!f.store.fillsLater()) return;
    const uint32_t space = f.store.createSpace("a", 2), other = f.store.createSpace("b", 2);
    Record has = note(1), foreign = note(2);
    has.vectors[space] = {1, 0};
    foreign.vectors[other] = {1, 0};
    f.store.write({put(has), put(foreign), put(note(3)), put(note(4, ENGRAM_KIND_BLOCK)), put(note(5)), put(note(6))});
    f.store.write({remove(idOf(5))});
    f.store.write({put(note(6))});  // a newer version takes the place of the older one
    const auto view = f.store.view();
    const auto rows = view->unfilled(space);
    CHECK(ids(rows) == (std::vector<Id>{idOf(2), idOf(3), idOf(6)}));
    for (size_t i = 1; i < rows.size(); ++i) CHECK(rows[i - 1].second < rows[i].second);
    CHECK(ids(view->unfilled(space, ENGRAM_KIND_MEMORY, 0, 2)) == (std::vector<Id>{idOf(2), idOf(3)}));
    CHECK(ids(view->unfilled(space, ENGRAM_KIND_MEMORY, rows[1].second)) == (std::vector<Id>{idOf(6)}));
    CHECK_EQ(size_t(4), view->unfilled(space, ENGRAM_KIND_ANY).size());
    expect(ENGRAM_NOT_FOUND, view->tryUnfilled(77, 10), "an unknown space");
    expect(ENGRAM_INVALID_ARGUMENT, view->tryUnfilled(space, 0), "limit 0");
    expect(ENGRAM_INVALID_ARGUMENT, view->tryUnfilled(space, 10001), "limit 10001");
}

TEST("what is filled is found, counted, and no longer unfilled") {
    Fresh f;
    if (!f.store.fillsLater()) return;
    const uint32_t space = f.store.createSpace("a", 2);
    f.store.write({put(note(1)), put(note(2))});
    CHECK(nearestIds(f.store, space, {1, 0}).empty());  // also loads whatever a plugin keeps in memory
    const uint64_t lsn = f.store.lsn();
    CHECK_EQ(uint64_t(2), f.store.fill(space, {{ridOf(f.store, 1), {0, 1}}, {ridOf(f.store, 2), {1, 0}}}));
    CHECK(nearestIds(f.store, space, {1, 0}).front() == idOf(2));
    CHECK(nearestIds(f.store, space, {0, 1}).front() == idOf(1));
    CHECK(f.store.view()->unfilled(space).empty());
    CHECK_EQ(uint64_t(2), coveredOf(f.store, space));
    CHECK_EQ(lsn, f.store.lsn());
    CHECK_EQ(uint64_t(1), f.store.view()->get(idOf(1))->version);
    CHECK_EQ(size_t(1), f.store.view()->get(idOf(1))->vectors.size());
}

TEST("a vector that is filled again is replaced, and spaces do not mix") {
    Fresh f;
    if (!f.store.fillsLater()) return;
    const uint32_t space = f.store.createSpace("a", 2), other = f.store.createSpace("b", 3);
    f.store.write({put(note(1)), put(note(2))});
    const uint64_t one = ridOf(f.store, 1), two = ridOf(f.store, 2);
    f.store.fill(space, {{one, {1, 0}}, {two, {0, 1}}});
    f.store.fill(other, {{one, {0, 0, 1}}});
    CHECK(nearestIds(f.store, space, {1, 0}).front() == idOf(1));
    f.store.fill(space, {{one, {0, 1}}, {two, {1, 0}}});
    CHECK(nearestIds(f.store, space, {1, 0}).front() == idOf(2));
    CHECK_EQ(size_t(2), f.store.view()->nearest({}, space, {1, 1}, 10).size());
    CHECK(nearestIds(f.store, other, {0, 0, 1}) == (std::vector<Id>{idOf(1)}));
    CHECK_EQ(size_t(2), f.store.view()->get(idOf(1))->vectors.size());
}

TEST("a fill for what has changed, was deleted or purged meanwhile is passed over") {
    Fresh f;
    if (!f.store.fillsLater()) return;
    const uint32_t space = f.store.createSpace("a", 2);
    f.store.write({put(note(1)), put(note(2)), put(note(3)), put(note(4))});
    const uint64_t changed = ridOf(f.store, 1), deleted = ridOf(f.store, 2), purged = ridOf(f.store, 3), good = ridOf(f.store, 4);
    f.store.write({put(note(1)), remove(idOf(2))});
    f.store.write({purge(idOf(3))});
    CHECK_EQ(uint64_t(1), f.store.fill(space, {{changed, {1, 0}}, {deleted, {1, 0}}, {purged, {1, 0}}, {good, {1, 0}}, {999999, {1, 0}}}));
    CHECK(nearestIds(f.store, space, {1, 0}) == (std::vector<Id>{idOf(4)}));
    CHECK_EQ(uint64_t(1), coveredOf(f.store, space));
    CHECK(ids(f.store.view()->unfilled(space)) == (std::vector<Id>{idOf(1)}));
}

TEST("a fill with a number that is not finite changes nothing") {
    Fresh f;
    if (!f.store.fillsLater()) return;
    const uint32_t space = f.store.createSpace("a", 2);
    f.store.write({put(note(1)), put(note(2))});
    const uint64_t one = ridOf(f.store, 1), two = ridOf(f.store, 2);
    uint64_t filled = 0;
    for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()})
        expect(ENGRAM_INVALID_ARGUMENT, f.store.tryFill(space, {{one, {1, 0}}, {two, {bad, 0}}}, filled), "not finite");
    expect(ENGRAM_NOT_FOUND, f.store.tryFill(77, {{one, {1, 0}}}, filled), "an unknown space");
    CHECK_EQ(size_t(2), f.store.view()->unfilled(space).size());
    CHECK_EQ(uint64_t(0), coveredOf(f.store, space));
}

TEST("filled vectors and the spaces' states outlive a restart and are in a snapshot") {
    Plugin plugin;
    uint32_t a = 0, b = 0;
    std::string snapshot;
    {
        Store store(plugin);
        if (!store.fillsLater()) return;
        a = store.createSpace("a", 2);
        b = store.createSpace("b", 2);
        store.write({put(note(1)), put(note(2))});
        store.fill(b, {{ridOf(store, 1), {1, 0}}});
        expect(ENGRAM_OK, store.activate(a), "activate");
        expect(ENGRAM_OK, store.prepare(b), "prepare");
        snapshot = store.snapshot();
    }
    auto check = [&](const Store& store) {
        CHECK_EQ(uint32_t(ENGRAM_SPACE_ACTIVE), stateOf(store, a));
        CHECK_EQ(uint32_t(ENGRAM_SPACE_NEXT), stateOf(store, b));
        CHECK_EQ(uint64_t(1), coveredOf(store, b));
        CHECK(ids(store.view()->unfilled(b)) == (std::vector<Id>{idOf(2)}));
        CHECK(nearestIds(store, b, {1, 0}) == (std::vector<Id>{idOf(1)}));
    };
    const std::string copy = "018f0000-0000-7000-8000-000000000002";
    expect(ENGRAM_OK, plugin.tryRestore(copy, snapshot), "restore");
    {
        Store restored(plugin, copy);
        check(restored);
    }
    if (!target().durable) return;
    plugin.restart();
    Store store(plugin);
    check(store);
}

TEST("one space is active, one may be next, and becoming active ends being next") {
    Fresh f;
    const uint32_t a = f.store.createSpace("a", 2), b = f.store.createSpace("b", 2), c = f.store.createSpace("c", 2);
    auto states = [&] { return std::vector<uint32_t>{stateOf(f.store, a), stateOf(f.store, b), stateOf(f.store, c)}; };
    CHECK(states() == (std::vector<uint32_t>{0, 0, 0}));
    expect(ENGRAM_OK, f.store.activate(a), "activate");
    expect(ENGRAM_OK, f.store.activate(b), "activate");
    CHECK(states() == (std::vector<uint32_t>{0, 1, 0}));
    if (!f.store.fillsLater()) return;
    expect(ENGRAM_OK, f.store.prepare(c), "prepare");
    CHECK(states() == (std::vector<uint32_t>{0, 1, 2}));
    expect(ENGRAM_OK, f.store.prepare(a), "another one");
    CHECK(states() == (std::vector<uint32_t>{2, 1, 0}));
    expect(ENGRAM_FAILED_PRECONDITION, f.store.prepare(b), "the active one");
    expect(ENGRAM_NOT_FOUND, f.store.prepare(77), "an unknown one");
    CHECK(states() == (std::vector<uint32_t>{2, 1, 0}));
    expect(ENGRAM_OK, f.store.activate(a), "the next one");
    CHECK(states() == (std::vector<uint32_t>{1, 0, 0}));
    expect(ENGRAM_OK, f.store.prepare(b), "back");
    expect(ENGRAM_OK, f.store.prepare(0), "none");
    CHECK(states() == (std::vector<uint32_t>{1, 0, 0}));
}

TEST("a space that is dropped takes its vectors with it, and no others") {
    Fresh f;
    if (!f.store.fillsLater()) return;
    const uint32_t a = f.store.createSpace("a", 2), b = f.store.createSpace("b", 2);
    f.store.write({put(note(1)), put(note(2))});
    const uint64_t one = ridOf(f.store, 1), two = ridOf(f.store, 2);
    f.store.fill(a, {{one, {1, 0}}, {two, {0, 1}}});
    f.store.fill(b, {{one, {1, 0}}});
    expect(ENGRAM_OK, f.store.drop(a), "drop");
    CHECK_EQ(size_t(1), f.store.spaces().size());
    CHECK_EQ(size_t(1), f.store.view()->get(idOf(1))->vectors.size());
    CHECK_EQ(size_t(0), f.store.view()->get(idOf(2))->vectors.size());
    CHECK(nearestIds(f.store, b, {1, 0}) == (std::vector<Id>{idOf(1)}));
    expect(ENGRAM_NOT_FOUND, f.store.drop(a), "twice");
}
