// list(): orders, ties, absent times, cursors, scopes.
#include <algorithm>
#include <cmath>
#include <iterator>

#include "store.hpp"
#include "support/test.hpp"

using namespace engram::conformance;

namespace {

std::vector<uint64_t> numbersOf(const std::vector<Record>& rows) {
    std::vector<uint64_t> out;
    for (const Record& row : rows) out.push_back(uint64_t(row.id[14]) << 8 | row.id[15]);
    return out;
}

std::string shown(const std::vector<uint64_t>& numbers) {
    std::string out;
    for (const uint64_t n : numbers) out += std::to_string(n) + " ";
    return out;
}

void checkOrder(const View& view, uint32_t order, const std::vector<uint64_t>& up,
                const std::vector<uint64_t>& down) {
    for (uint32_t limit = 1; limit <= up.size() + 1; ++limit) {
        Listing listing;
        listing.order = order;
        listing.limit = limit;
        CHECK_TEXT(shown(up), shown(numbersOf(view.listAll(listing))));
        listing.descending = 1;
        CHECK_TEXT(shown(down), shown(numbersOf(view.listAll(listing))));
    }
}

// 300 records whose times and importance are shared by many, some of them absent, written in no order; the tag "tenth" on
// some that are far apart in all orders.
std::vector<Record> manyRecords() {
    std::vector<Record> out;
    for (uint64_t i = 0; i < 300; ++i) {
        const uint64_t n = i * 7 % 300;
        Record r;
        r.id = idOf(1 + n);
        r.created_at = static_cast<engram_time>(n * 13 % 40) - 20;
        r.updated_at = static_cast<engram_time>(1000 - n / 3);
        r.occurred_at = n % 4 == 0 ? ENGRAM_TIME_NONE : static_cast<engram_time>(n * n % 23) - 11;
        r.importance = static_cast<double>(n * 11 % 20) / 19;
        r.metadata = n % 100 == 42 ? R"({"rare":true})" : "";
        if (n % 10 == 3) r.tags.push_back("tenth");
        out.push_back(std::move(r));
    }
    return out;
}

// What storage.h says of an order, without pages.
std::vector<uint64_t> inOrder(std::vector<Record> records, uint32_t order, uint32_t descending) {
    auto keyOf = [&](const Record& r) -> std::pair<bool, double> {
        if (order == ENGRAM_ORDER_IMPORTANCE) return {false, r.importance};
        const engram_time time = order == ENGRAM_ORDER_CREATED   ? r.created_at
                                 : order == ENGRAM_ORDER_UPDATED ? r.updated_at
                                                                 : r.occurred_at;
        return {time == ENGRAM_TIME_NONE, time == ENGRAM_TIME_NONE ? 0 : static_cast<double>(time)};
    };
    std::sort(records.begin(), records.end(), [&](const Record& a, const Record& b) {
        const auto left = keyOf(a), right = keyOf(b);
        if (left.first != right.first) return right.first;
        if (left.second != right.second) return (left.second < right.second) != (descending != 0);
        return a.id != b.id && (a.id < b.id) != (descending != 0);
    });
    return numbersOf(records);
}

}  // namespace

TEST("each order, both ways and on pages of every size; ties by id, absent times last") {
    Fresh f;
    const engram_time none = ENGRAM_TIME_NONE;
    const std::vector<engram_time> occurred{5, none, -5, 5, none, 0};
    const std::vector<double> importance{0.5, 1, 0, 0.5, 0.5, 0.25};
    std::vector<Op> ops;
    for (uint64_t n : {4, 2, 6, 1, 5, 3}) {
        Record r;
        r.id = idOf(n);
        r.occurred_at = occurred[n - 1];
        r.importance = importance[n - 1];
        r.created_at = n % 2 ? 1000 : 2000;
        r.updated_at = static_cast<engram_time>(10 - n);
        ops.push_back(put(r));
    }
    f.store.write(ops);
    const auto view = f.store.view();
    checkOrder(*view, ENGRAM_ORDER_CREATED, {1, 3, 5, 2, 4, 6}, {6, 4, 2, 5, 3, 1});
    checkOrder(*view, ENGRAM_ORDER_UPDATED, {6, 5, 4, 3, 2, 1}, {1, 2, 3, 4, 5, 6});
    checkOrder(*view, ENGRAM_ORDER_OCCURRED, {3, 6, 1, 4, 2, 5}, {4, 1, 6, 3, 5, 2});
    checkOrder(*view, ENGRAM_ORDER_IMPORTANCE, {3, 6, 1, 4, 5, 2}, {2, 5, 4, 1, 6, 3});
}

TEST("pages are full until the last one, however few records the filter lets through") {
    Fresh f;
    const std::vector<Record> all = manyRecords();
    std::vector<Op> ops;
    for (const Record& r : all) ops.push_back(put(r));
    f.store.write(ops);
    f.store.write({put(all[5]), put(all[150])});  // versions that are not seen any more
    struct Filtered {
        Condition condition;
        std::function<bool(const Record&)> passes;
    };
    const std::vector<Filtered> filters{
        {every({}), [](const Record&) { return true; }},
        {where(ENGRAM_FIELD_IMPORTANCE, ENGRAM_LT, {real(0.3)}), [](const Record& r) { return r.importance < 0.3; }},
        {where(ENGRAM_FIELD_TAG, ENGRAM_EQ, {text("tenth")}), [](const Record& r) { return !r.tags.empty(); }},
        {whereMetadata("/rare", ENGRAM_EXISTS, {}), [](const Record& r) { return !r.metadata.empty(); }},
        {negate(every({})), [](const Record&) { return false; }}};
    const auto view = f.store.view();
    for (const Filtered& filter : filters) {
        std::vector<Record> passing;
        std::copy_if(all.begin(), all.end(), std::back_inserter(passing), filter.passes);
        for (uint32_t order = ENGRAM_ORDER_CREATED; order <= ENGRAM_ORDER_IMPORTANCE; ++order)
            for (const uint32_t descending : {0u, 1u}) {
                const std::vector<uint64_t> expected = inOrder(passing, order, descending);
                for (const uint32_t limit : {7u, 40u, 299u}) {
                    Listing listing;
                    listing.scope.filter = {filter.condition};
                    listing.order = order;
                    listing.descending = descending;
                    listing.limit = limit;
                    std::vector<uint64_t> listed;
                    do {
                        const Page page = view->list(listing);
                        CHECK(page.next.empty() || page.rows.size() == limit);
                        for (const uint64_t n : numbersOf(page.rows)) listed.push_back(n);
                        listing.cursor = page.next;
                    } while (!listing.cursor.empty());
                    CHECK_TEXT(shown(expected), shown(listed));
                }
            }
    }
}

TEST("a filter that lets one of a thousand through fills its pages from all of them") {
    Fresh f;
    std::vector<Op> ops;
    for (uint64_t n = 1; n <= 3500; ++n) {
        Record r;
        r.id = idOf(n);
        r.created_at = static_cast<engram_time>(n * 11 % 3500);
        if (n % 1000 == 7) r.metadata = R"({"rare":true})";
        ops.push_back(put(r));
        if (ops.size() < 500) continue;
        f.store.write(ops);
        ops.clear();
    }
    const auto view = f.store.view();
    for (const uint32_t limit : {1u, 3u, 10u}) {
        Listing listing;
        listing.scope.filter = {whereMetadata("/rare", ENGRAM_EXISTS, {})};
        listing.limit = limit;
        CHECK_TEXT("7 1007 2007 3007 ", shown(numbersOf(view->listAll(listing))));  // created at 77, 577, 1077, 1577
        listing.descending = 1;
        CHECK_TEXT("3007 2007 1007 7 ", shown(numbersOf(view->listAll(listing))));
    }
}

TEST("a listing goes on at its place when records are written between its pages") {
    Fresh f;
    for (uint64_t n : {2, 4, 6, 8}) {
        Record r;
        r.id = idOf(n);
        f.store.write({put(r)});
    }
    Listing listing;
    listing.limit = 2;
    const Page first = f.store.view()->list(listing);
    CHECK_TEXT("2 4 ", shown(numbersOf(first.rows)));
    Record r;
    r.id = idOf(3);
    f.store.write({put(r)});
    r.id = idOf(5);
    f.store.write({put(r), remove(idOf(4)), remove(idOf(6))});
    listing.cursor = first.next;
    CHECK_TEXT("5 8 ", shown(numbersOf(f.store.view()->listAll(listing))));
}

TEST("the last page has no cursor, also when it is full, and an empty listing has none") {
    Fresh f;
    CHECK(f.store.view()->list({}).next.empty());
    Record r;
    r.id = idOf(1);
    f.store.write({put(r)});
    r.id = idOf(2);
    f.store.write({put(r)});
    Listing listing;
    listing.limit = 2;
    CHECK(f.store.view()->list(listing).next.empty());
    listing.limit = 1;
    CHECK(!f.store.view()->list(listing).next.empty());
}

TEST("a cursor that is not one of this order and direction is an invalid argument") {
    Fresh f;
    for (uint64_t n = 1; n <= 4; ++n) {
        Record r;
        r.id = idOf(n);
        f.store.write({put(r)});
    }
    const auto view = f.store.view();
    Listing listing;
    listing.limit = 2;
    const std::string good = view->list(listing).next;
    Page page;
    std::vector<std::string> bad{"x",
                                 "0",
                                 "!!",
                                 std::string(1, '\0'),
                                 std::string(10000, 'a'),
                                 good + "0",
                                 "\xff\xfe",
                                 good.substr(0, good.size() - 1),
                                 good.substr(1),
                                 "' OR 1=1 --"};
    for (const std::string& cursor : bad) {
        listing.cursor = cursor;
        expect(ENGRAM_INVALID_ARGUMENT, view->tryList(listing, page), "cursor " + cursor);
        CHECK(page.rows.empty());
    }
    listing.cursor = good;
    listing.descending = 1;
    expect(ENGRAM_INVALID_ARGUMENT, view->tryList(listing, page), "cursor of the other direction");
    listing.descending = 0;
    listing.order = ENGRAM_ORDER_IMPORTANCE;
    expect(ENGRAM_INVALID_ARGUMENT, view->tryList(listing, page), "cursor of another order");
    listing.order = ENGRAM_ORDER_CREATED;
    expect(ENGRAM_OK, view->tryList(listing, page), "its own cursor");
}

TEST("unknown orders and limits are invalid arguments") {
    Fresh f;
    const auto view = f.store.view();
    Page page;
    for (const uint32_t order : {0u, 5u, 4000000000u}) {
        Listing listing;
        listing.order = order;
        expect(ENGRAM_INVALID_ARGUMENT, view->tryList(listing, page), "order " + std::to_string(order));
    }
    for (const uint32_t limit : {0u, 10001u, 4294967295u}) {
        Listing listing;
        listing.limit = limit;
        expect(ENGRAM_INVALID_ARGUMENT, view->tryList(listing, page), "limit " + std::to_string(limit));
    }
}

TEST("a scope holds to its kind and workspaces in every read") {
    Fresh f;
    const uint32_t space = f.store.createSpace("model", 2);
    const std::vector<std::string> workspaces{"a", "b", "A", "a b", "a%"};
    uint64_t n = 0;
    std::vector<Op> ops;
    for (const std::string& workspace : workspaces)
        for (const uint32_t kind : {ENGRAM_KIND_MEMORY, ENGRAM_KIND_BLOCK}) {
            Record r;
            r.id = idOf(++n);
            r.workspace = workspace;
            r.kind = kind;
            r.terms = {{"word", 1}};
            r.length = 1;
            r.vectors[space] = {1, 0};
            ops.push_back(put(r));
        }
    f.store.write(ops);
    const auto view = f.store.view();
    for (const std::string& workspace : workspaces)
        for (const uint32_t kind : {ENGRAM_KIND_ANY, ENGRAM_KIND_MEMORY, ENGRAM_KIND_BLOCK}) {
            const Scope scope{kind, {workspace}, {}};
            const size_t expected = kind == ENGRAM_KIND_ANY ? 2 : 1;
            auto inside = [&](const std::optional<Record>& r) {
                return r && r->workspace == workspace && (kind == ENGRAM_KIND_ANY || r->kind == kind);
            };
            const auto rows = view->listAll({scope});
            const auto postings = view->match(scope, {"word"});
            const auto neighbours = view->nearest(scope, space, {1, 0}, 10);
            CHECK_EQ(expected, rows.size());
            CHECK_EQ(expected, postings.size());
            CHECK_EQ(expected, neighbours.size());
            for (const auto& row : rows) CHECK(inside(row));
            for (const auto& posting : postings) CHECK(inside(view->byRid(posting.rid)));
            for (const auto& neighbour : neighbours) CHECK(inside(view->byRid(neighbour.rid)));
            CHECK_EQ(uint64_t(expected), view->terms(scope, {"word"}).documents);
            CHECK_EQ(uint64_t(expected), view->expand(scope, "w", 5).at(0).second);
        }
    CHECK(view->listAll({{ENGRAM_KIND_ANY, {"absent", ""}, {}}}).empty());
    CHECK_EQ(size_t(4), view->listAll({{ENGRAM_KIND_ANY, {"a", "b", "a"}, {}}}).size());
}

TEST("a similarity is that of the query as it was asked") {
    Fresh f;
    const uint32_t space = f.store.createSpace("model", 2);
    std::vector<Op> ops;
    for (uint64_t n = 1; n <= 3; ++n) {
        Record r;
        r.id = idOf(n);
        r.vectors[space] = {127, static_cast<float>(n)};  // what eight bits hold without rounding
        ops.push_back(put(r));
    }
    f.store.write(ops);
    const auto view = f.store.view();
    const float y = 1.4f;  // eight bits round it to 1
    const auto found = view->nearest({}, space, {127, y}, 3);
    CHECK_EQ(size_t(3), found.size());
    for (const auto& neighbour : found) {
        const double n = view->byRid(neighbour.rid)->id[15];
        const double cosine = (127.0 * 127 + n * y) / std::sqrt((127.0 * 127 + n * n) * (127.0 * 127 + y * y));
        CHECK(std::fabs(cosine - static_cast<double>(neighbour.similarity)) < 1e-6);
    }
}

TEST("words like another come nearest first, then most frequent, then by their bytes") {
    Fresh f;
    std::vector<Op> ops;
    const std::vector<std::vector<std::string>> texts{
        {"garden", "gardne", "harden"}, {"harden", "pardon", "g\xC3\xA4rden"}, {"gar", "wardens"}, {"unlike", "garde"}};
    for (uint64_t n = 0; n < texts.size(); ++n) {
        Record r;
        r.id = idOf(n + 1);
        r.workspace = n == 3 ? "other" : "one";
        for (const std::string& text : texts[n]) r.terms[text] = 1;
        r.length = static_cast<uint32_t>(texts[n].size());
        ops.push_back(put(r));
    }
    f.store.write(ops);
    auto old = f.store.view();
    using Found = std::vector<SimilarTerm>;
    const auto all = old->similarTerms({}, "garden", 2, 10);
    if (!all) return;  // optional
    const Found expected{{"harden", 1, 2}, {"garde", 1, 1}, {"gardne", 1, 1}, {"g\xC3\xA4rden", 1, 1}, {"pardon", 2, 1},
                         {"wardens", 2, 1}};
    CHECK(expected == *all);
    CHECK((Found{{"harden", 1, 2}, {"garde", 1, 1}} == *old->similarTerms({}, "garden", 2, 2)));
    CHECK((Found{{"garde", 1, 1}} == *old->similarTerms({ENGRAM_KIND_ANY, {"other"}, {}}, "garden", 2, 10)));
    CHECK(old->similarTerms({}, "garden", 1, 10)->size() == 4);
    CHECK(old->similarTerms({}, "g", 2, 10) == Found({{"gar", 2, 1}}));
    f.store.write({remove(idOf(2))});
    auto now = f.store.view();
    CHECK((Found{{"gardne", 1, 1}, {"harden", 1, 1}} == *now->similarTerms({ENGRAM_KIND_ANY, {"one"}, {}}, "garden", 1, 10)));
    CHECK(expected == *old->similarTerms({}, "garden", 2, 10));
    now.reset();
    old.reset();  // a purge wants the old pages of the log to be gone
    f.store.write({purge(idOf(3))});
    CHECK(f.store.view()->similarTerms({}, "wardens", 1, 10)->empty());
    CHECK(f.store.view()->similarTerms({}, "warden", 2, 10) == Found({{"garden", 1, 1}, {"harden", 1, 1}, {"garde", 2, 1},
                                                                           {"gardne", 2, 1}}));
}

TEST("what is no distance, no limit or no term is refused by similar_terms") {
    Fresh f;
    const auto view = f.store.view();
    if (!view->similarTerms({}, "garden", 1, 1)) return;  // optional
    CHECK_EQ(engram_status(ENGRAM_INVALID_ARGUMENT), view->trySimilarTerms("garden", 0, 1));
    CHECK_EQ(engram_status(ENGRAM_INVALID_ARGUMENT), view->trySimilarTerms("garden", 3, 1));
    CHECK_EQ(engram_status(ENGRAM_INVALID_ARGUMENT), view->trySimilarTerms("garden", 1, 0));
    CHECK_EQ(engram_status(ENGRAM_INVALID_ARGUMENT), view->trySimilarTerms("garden", 1, 101));
    CHECK_EQ(engram_status(ENGRAM_INVALID_ARGUMENT), view->trySimilarTerms("", 1, 1));
    CHECK_EQ(engram_status(ENGRAM_INVALID_ARGUMENT), view->trySimilarTerms(std::string(65, 'a'), 1, 1));
    CHECK(view->similarTerms({}, std::string("\xFF\0\x80", 3), 2, 100)->empty());
}

TEST("a group's records are found from one of them, once, as the view and the scope have them") {
    Fresh f;
    std::vector<Op> ops;
    const std::string mark = ENGRAM_GROUP_MARK;
    for (uint64_t n = 1; n <= 7; ++n) {  // 1, 3, 5 in group a; 2, 4 in group b; 6 and 7 in none
        Record r;
        r.id = idOf(n);
        r.workspace = n == 5 ? "other" : "one";
        r.terms["word"] = 1;
        if (n <= 5) r.terms[mark + (n % 2 ? "a" : "b")] = 1;
        if (n == 6) r.terms["\x01t of another kind"] = 1;
        r.length = static_cast<uint32_t>(n);
        ops.push_back(put(r));
    }
    f.store.write(ops);
    auto old = f.store.view();
    const auto rid = [](const View& view, uint64_t n) { return view.get(idOf(n)).value().rid; };
    const auto shown = [](const View& view, const std::vector<Group>& groups) {
        std::string out;
        for (const Group& group : groups) {
            out += (out.empty() ? "" : "; ") + std::to_string(group.index) + ":";
            for (const engram_member& member : group.members) {
                CHECK_EQ(view.byRid(member.rid).value().length, member.length);
                for (uint64_t n = 1; n <= 7; ++n)
                    if (view.byRid(member.rid)->id == idOf(n)) out += " " + std::to_string(n);
            }
        }
        return out;
    };
    if (!old->companions({}, {}, 0)) return;  // optional
    const std::vector<uint64_t> all = {rid(*old, 3), 999999, rid(*old, 6), rid(*old, 1), rid(*old, 4), rid(*old, 7)};
    CHECK_EQ(std::string("0: 1 3 5; 2:; 4: 2 4; 5:"), shown(*old, *old->companions({}, all, 100)));
    CHECK_EQ(std::string("0: 1 3; 2:; 4: 2 4; 5:"), shown(*old, *old->companions({ENGRAM_KIND_ANY, {"one"}, {}}, all, 100)));
    CHECK_EQ(std::string("0: 1 3 5; 2:"), shown(*old, *old->companions({}, all, 4)));
    CHECK_EQ(std::string(""), shown(*old, *old->companions({}, all, 2)));
    Record moved = old->get(idOf(4)).value();
    moved.terms = {{"word", 1}, {mark + "a", 1}};
    f.store.write({put(moved), remove(idOf(3))});
    auto now = f.store.view();
    CHECK_EQ(std::string("0: 1 5 4; 1: 2"), shown(*now, *now->companions({}, {rid(*now, 1), rid(*now, 2)}, 100)));
    CHECK_EQ(std::string("0: 1 3 5; 2:; 4: 2 4; 5:"), shown(*old, *old->companions({}, all, 100)));
    now.reset();
    old.reset();  // a purge wants the old pages of the log to be gone
    f.store.write({purge(idOf(1))});
    now = f.store.view();
    CHECK_EQ(std::string("0: 5 4"), shown(*now, *now->companions({}, {rid(*now, 5)}, 100)));
    if (!target().durable) return;
    now.reset();
    f.store.close();
    f.plugin.restart();
    f.store.open();
    now = f.store.view();
    CHECK_EQ(std::string("0: 5 4"), shown(*now, *now->companions({}, {rid(*now, 5)}, 100)));
}
