#include "store.hpp"

#include <algorithm>
#include <atomic>
#include <engram/cpp/text.hpp>

namespace engram::conformance {
namespace {

// The C callbacks push into a std::vector that `ctx` points at.
engram_rows rowsInto(std::vector<std::pair<size_t, Record>>& out) {
    return {sizeof(engram_rows), 0, &out,
            [](void* ctx, size_t index, const engram_record* record) -> engram_status {
                static_cast<std::vector<std::pair<size_t, Record>>*>(ctx)->emplace_back(index,
                                                                                        recordOf(*record));
                return ENGRAM_OK;
            }};
}

std::vector<Record> recordsOf(std::vector<std::pair<size_t, Record>> rows) {
    std::vector<Record> out;
    for (size_t i = 0; i < rows.size(); ++i) {
        CHECK_EQ(i, rows[i].first);
        out.push_back(std::move(rows[i].second));
    }
    return out;
}

std::vector<engram_str> borrowed(const std::vector<std::string>& texts) {
    std::vector<engram_str> out;
    for (const std::string& text : texts) out.push_back(borrow(text));
    return out;
}

Outcome outcomeOf(const engram_apply_result& r) {
    return {r.outcome,
            r.lsn,
            r.first_lsn,
            r.current_version,
            r.current_count,
            r.failed_op,
            r.failed_limit,
            std::string(view(r.message)),
            std::string(view(r.answer))};
}

}  // namespace

void expect(engram_status expected, engram_status status, const std::string& message) {
    if (status != expected)
        CPPUNIT_FAIL("status " + std::to_string(status) + " instead of " + std::to_string(expected) + ": " +
                     message);
}

Plugin::Plugin(const std::string& path, const std::string& config) : path_(path), config_(config) {
    static std::atomic<unsigned> instances{0};
    constexpr std::string_view kUnique = "@unique@";
    if (const size_t at = config_.find(kUnique); at != std::string::npos)
        config_.replace(at, kUnique.size(), std::to_string(++instances));
    restart();
}

void Plugin::restart() {
    plugin_.reset();
    plugin_ = std::make_unique<testing::PluginUnderTest>(path_, host_, config_);
    table_ = plugin_->interface<engram_storage_v1>(ENGRAM_STORAGE);
    CHECK(table_ != nullptr);
}

engram_status Plugin::tryErase(const std::string& tenant) {
    ArenaCall call;
    return table_->erase(self(), call, borrow(tenant));
}

engram_status Plugin::tryRestore(const std::string& tenant, const std::string& snapshot) {
    struct Reader {
        std::string_view left;
    } reader{snapshot};
    const engram_source source = {
        sizeof(engram_source), 0, &reader,
        [](void* ctx, void* buffer, size_t capacity, size_t* n) -> engram_status {
            auto& left = static_cast<Reader*>(ctx)->left;
            *n = std::min({capacity, left.size(), size_t(777)});  // pieces of odd sizes
            std::memcpy(buffer, left.data(), *n);
            left.remove_prefix(*n);
            return ENGRAM_OK;
        }};
    ArenaCall call;
    return table_->restore(self(), call, borrow(tenant), &source);
}

View::~View() {
    store_.table().end(store_.self(), handle_);
}

std::vector<std::pair<size_t, Record>> View::get(const std::vector<engram_ref>& refs, uint32_t want) const {
    std::vector<std::pair<size_t, Record>> rows;
    const engram_rows sink = rowsInto(rows);
    ArenaCall call;
    expect(ENGRAM_OK, store_.table().get(store_.self(), call, handle_, refs.data(), refs.size(), want, &sink),
           call.message());
    return rows;
}

std::optional<Record> View::get(const Id& id, uint32_t want) const {
    engram_ref ref{};
    ref.by = ENGRAM_BY_ID;
    ref.id = abiId(id);
    auto rows = get(std::vector{ref}, want);
    return rows.empty() ? std::nullopt : std::optional(std::move(rows.front().second));
}

std::optional<Record> View::byRid(uint64_t rid) const {
    engram_ref ref{};
    ref.by = ENGRAM_BY_RID;
    ref.rid = rid;
    auto rows = get(std::vector{ref}, kWantAll);
    return rows.empty() ? std::nullopt : std::optional(std::move(rows.front().second));
}

std::optional<Record> View::byName(const std::string& workspace, uint32_t kind,
                                   const std::string& name) const {
    engram_ref ref{};
    ref.by = ENGRAM_BY_NAME;
    ref.kind = kind;
    ref.workspace = borrow(workspace);
    ref.name = borrow(name);
    auto rows = get(std::vector{ref}, kWantAll);
    return rows.empty() ? std::nullopt : std::optional(std::move(rows.front().second));
}

engram_status View::tryList(const Listing& listing, Page& page) const {
    const LoweredScope scope(listing.scope);
    const engram_list_query query = {sizeof(engram_list_query),
                                     listing.order,
                                     listing.descending,
                                     listing.limit,
                                     listing.want,
                                     0,
                                     scope.abi(),
                                     borrow(listing.cursor)};
    std::vector<std::pair<size_t, Record>> rows;
    const engram_rows sink = rowsInto(rows);
    engram_str next{};
    ArenaCall call;
    const engram_status status = store_.table().list(store_.self(), call, handle_, &query, &sink, &next);
    page.rows = recordsOf(std::move(rows));
    page.next = status == ENGRAM_OK ? std::string(view(next)) : std::string();
    return status;
}

Page View::list(const Listing& listing) const {
    Page page;
    expect(ENGRAM_OK, tryList(listing, page), "list");
    return page;
}

std::vector<Record> View::listAll(Listing listing) const {
    std::vector<Record> all;
    for (int pages = 0; pages < 10000; ++pages) {
        Page page = list(listing);
        CHECK(page.rows.size() <= listing.limit);
        all.insert(all.end(), page.rows.begin(), page.rows.end());
        if (page.next.empty()) return all;
        CHECK_EQ(size_t(listing.limit), page.rows.size());
        listing.cursor = page.next;
    }
    CPPUNIT_FAIL("a listing does not end");
    return all;
}

std::vector<Record> View::history(const Id& id) const {
    std::vector<std::pair<size_t, Record>> rows;
    const engram_rows sink = rowsInto(rows);
    const engram_uuid wanted = abiId(id);
    ArenaCall call;
    expect(ENGRAM_OK, store_.table().history(store_.self(), call, handle_, &wanted, kWantAll, &sink),
           call.message());
    return recordsOf(std::move(rows));
}

std::vector<Edge> View::edges(const Id& id, uint32_t incoming) const {
    std::vector<Edge> out;
    const engram_edges sink = {sizeof(engram_edges), 0, &out,
                               [](void* ctx, const engram_edge* edge) -> engram_status {
                                   static_cast<std::vector<Edge>*>(ctx)->push_back(edgeOf(*edge));
                                   return ENGRAM_OK;
                               }};
    const engram_uuid end = abiId(id);
    ArenaCall call;
    expect(ENGRAM_OK, store_.table().edges(store_.self(), call, handle_, &end, incoming, &sink),
           call.message());
    return out;
}

Terms View::terms(const Scope& scope, const std::vector<std::string>& terms) const {
    const LoweredScope lowered(scope);
    const auto texts = borrowed(terms);
    Terms out;
    out.df.resize(terms.size(), 12345);
    engram_term_stats stats{};
    stats.size = sizeof stats;
    ArenaCall call;
    expect(ENGRAM_OK,
           store_.table().terms(store_.self(), call, handle_, &lowered.abi(), texts.data(), texts.size(),
                                out.df.data(), &stats),
           call.message());
    out.documents = stats.documents;
    out.total_length = stats.total_length;
    return out;
}

std::vector<std::pair<std::string, uint64_t>> View::expand(const Scope& scope, const std::string& prefix,
                                                           uint32_t limit) const {
    const LoweredScope lowered(scope);
    std::vector<std::pair<std::string, uint64_t>> out;
    ArenaCall call;
    expect(ENGRAM_OK,
           store_.table().expand(
               store_.self(), call, handle_, &lowered.abi(), borrow(prefix), limit, &out,
               [](void* ctx, engram_str term, uint64_t df) -> engram_status {
                   static_cast<std::vector<std::pair<std::string, uint64_t>>*>(ctx)->emplace_back(
                       std::string(engram::view(term)), df);
                   return ENGRAM_OK;
               }),
           call.message());
    return out;
}

namespace {

engram_status pushSimilar(void* ctx, engram_str term, uint32_t distance, uint64_t df) {
    static_cast<std::vector<SimilarTerm>*>(ctx)->push_back({std::string(engram::view(term)), distance, df});
    return ENGRAM_OK;
}

}  // namespace

std::optional<std::vector<SimilarTerm>> View::similarTerms(const Scope& scope, const std::string& term, uint32_t most,
                                                           uint32_t limit) const {
    const engram_storage_v1& table = store_.table();
    if (!ENGRAM_HAS(engram_storage_v1, &table, similar_terms) || !table.similar_terms) return std::nullopt;
    const LoweredScope lowered(scope);
    std::vector<SimilarTerm> out;
    const engram_similar_terms sink = {sizeof sink, 0, &out, &pushSimilar};
    ArenaCall call;
    expect(ENGRAM_OK,
           table.similar_terms(store_.self(), call, handle_, &lowered.abi(), borrow(term), most, limit, &sink),
           call.message());
    return out;
}

engram_status View::trySimilarTerms(const std::string& term, uint32_t most, uint32_t limit) const {
    const LoweredScope lowered{Scope{}};
    std::vector<SimilarTerm> out;
    const engram_similar_terms sink = {sizeof sink, 0, &out, &pushSimilar};
    ArenaCall call;
    return store_.table().similar_terms(store_.self(), call, handle_, &lowered.abi(), borrow(term), most, limit, &sink);
}

std::optional<std::vector<Group>> View::companions(const Scope& scope, const std::vector<uint64_t>& rids, uint64_t most) const {
    const engram_storage_v1& table = store_.table();
    if (!ENGRAM_HAS(engram_storage_v1, &table, companions) || !table.companions) return std::nullopt;
    const LoweredScope lowered(scope);
    std::vector<Group> out;
    const auto push = [](void* ctx, size_t index, const engram_member* members, size_t n) -> engram_status {
        auto& into = *static_cast<std::vector<Group>*>(ctx);
        into.push_back({index, {members, members + n}});
        for (size_t i = 1; i < n; ++i) CHECK_MESSAGE("rids ascend", members[i - 1].rid < members[i].rid);
        return ENGRAM_OK;
    };
    const engram_groups sink = {sizeof sink, 0, &out, push};
    ArenaCall call;
    expect(ENGRAM_OK,
           table.companions(store_.self(), call, handle_, &lowered.abi(), rids.data(), rids.size(), most, &sink),
           call.message());
    return out;
}

namespace {

// Takes postings as storage pushes them.
struct PostingSink {
    explicit PostingSink(size_t n) : n_terms(n) {}
    engram_postings abi() {
        return {sizeof(engram_postings), 0, this,
                [](void* ctx, const engram_posting* block, size_t n) -> engram_status {
                    auto& into = *static_cast<PostingSink*>(ctx);
                    for (size_t i = 0; i < n; ++i)
                        into.postings.push_back(
                            {block[i].rid, {block[i].tf, block[i].tf + into.n_terms}, block[i].length});
                    return ENGRAM_OK;
                }};
    }
    std::vector<Posting> ascending() {
        for (size_t i = 1; i < postings.size(); ++i)
            CHECK_MESSAGE("rids ascend", postings[i - 1].rid < postings[i].rid);
        return std::move(postings);
    }

    std::vector<Posting> postings;
    size_t n_terms;
};

}  // namespace

std::vector<Posting> View::match(const Scope& scope, const std::vector<std::string>& terms) const {
    const LoweredScope lowered(scope);
    const auto texts = borrowed(terms);
    PostingSink sink(terms.size());
    const engram_postings push = sink.abi();
    ArenaCall call;
    expect(
        ENGRAM_OK,
        store_.table().match(store_.self(), call, handle_, &lowered.abi(), texts.data(), texts.size(), &push),
        call.message());
    return sink.ascending();
}

std::optional<std::vector<Posting>> View::matchBest(const Scope& scope, const std::vector<std::string>& terms,
                                                    const Bm25& bm25, const std::vector<double>& weights,
                                                    uint32_t keep) const {
    const engram_storage_v1& table = store_.table();
    if (!ENGRAM_HAS(engram_storage_v1, &table, match_best) || !table.match_best) return std::nullopt;
    const LoweredScope lowered(scope);
    const auto texts = borrowed(terms);
    PostingSink sink(terms.size());
    const engram_postings push = sink.abi();
    const engram_ranking ranking = {
        sizeof(engram_ranking), keep, bm25.k1, bm25.b, bm25.average_length, weights.data()};
    ArenaCall call;
    expect(ENGRAM_OK,
           table.match_best(store_.self(), call, handle_, &lowered.abi(), texts.data(), texts.size(), &ranking, &push),
           call.message());
    return sink.ascending();
}

engram_status View::tryMatchBest(const engram_ranking& ranking, const std::vector<std::string>& terms) const {
    const LoweredScope lowered{Scope{}};
    const auto texts = borrowed(terms);
    PostingSink sink(terms.size());
    const engram_postings push = sink.abi();
    ArenaCall call;
    return store_.table().match_best(store_.self(), call, handle_, &lowered.abi(), texts.data(), texts.size(), &ranking,
                                     &push);
}

std::vector<engram_neighbour> View::nearest(const Scope& scope, uint32_t space,
                                            const std::vector<float>& vector, uint32_t k) const {
    const LoweredScope lowered(scope);
    std::vector<engram_neighbour> out(k);
    size_t n = 0;
    ArenaCall call;
    expect(ENGRAM_OK,
           store_.table().nearest(store_.self(), call, handle_, &lowered.abi(), space, vector.data(), k,
                                  out.data(), &n),
           call.message());
    CHECK(n <= k);
    out.resize(n);
    return out;
}

engram_status View::tryNearest(const Scope& scope, uint32_t space, const std::vector<float>& vector,
                               uint32_t k) const {
    const LoweredScope lowered(scope);
    std::vector<engram_neighbour> out(k);
    size_t n = 0;
    ArenaCall call;
    return store_.table().nearest(store_.self(), call, handle_, &lowered.abi(), space, vector.data(), k,
                                  out.data(), &n);
}

std::vector<std::pair<Id, uint64_t>> View::unfilled(uint32_t space, uint32_t kind, uint64_t after, uint32_t limit) const {
    std::vector<std::pair<Id, uint64_t>> out;
    const engram_rows sink = {sizeof(engram_rows), 0, &out, [](void* ctx, size_t, const engram_record* r) -> engram_status {
                                  auto& found = *static_cast<std::vector<std::pair<Id, uint64_t>>*>(ctx);
                                  found.emplace_back(idOf(r->id), r->rid);
                                  return ENGRAM_OK;
                              }};
    ArenaCall call;
    expect(ENGRAM_OK,
           store_.table().unfilled(store_.self(), call, handle_, space, kind, after, limit, ENGRAM_WANT_TEXT, &sink),
           call.message());
    return out;
}

engram_status View::tryUnfilled(uint32_t space, uint32_t limit) const {
    const engram_rows sink = {sizeof(engram_rows), 0, nullptr,
                              [](void*, size_t, const engram_record*) -> engram_status { return ENGRAM_OK; }};
    ArenaCall call;
    return store_.table().unfilled(store_.self(), call, handle_, space, ENGRAM_KIND_MEMORY, 0, limit, 0, &sink);
}

engram_status Store::activate(uint32_t space) {
    ArenaCall call;
    return table().space_activate(self(), call, handle_, space);
}

engram_status Store::prepare(uint32_t space) {
    ArenaCall call;
    return table().space_prepare(self(), call, handle_, space);
}

engram_status Store::drop(uint32_t space) {
    ArenaCall call;
    return table().space_drop(self(), call, handle_, space);
}

bool Store::fillsLater() const {
    const bool fills = ENGRAM_HAS(engram_storage_v1, &table(), fill) && table().fill;
    const bool all = fills && table().unfilled && table().space_prepare;
    CHECK_EQ(fills, all);
    return all;
}

engram_status Store::tryFill(uint32_t space, const std::vector<std::pair<uint64_t, std::vector<float>>>& fills,
                             uint64_t& filled) {
    std::vector<engram_fill> abi;
    for (const auto& [rid, values] : fills) abi.push_back({rid, values.data()});
    ArenaCall call;
    return table().fill(self(), call, handle_, space, abi.data(), abi.size(), &filled);
}

uint64_t Store::fill(uint32_t space, const std::vector<std::pair<uint64_t, std::vector<float>>>& fills) {
    uint64_t filled = 0;
    expect(ENGRAM_OK, tryFill(space, fills, filled), "fill");
    return filled;
}

Store::Store(Plugin& plugin, std::string tenant) : plugin_(plugin), tenant_(std::move(tenant)) {
    open();
}

void Store::open() {
    ArenaCall call;
    expect(ENGRAM_OK, table().open(self(), call, borrow(tenant_), ENGRAM_OPEN_CREATE, &handle_),
           call.message());
    open_ = true;
}

void Store::close() {
    if (!open_) return;
    ArenaCall call;
    table().close(self(), call, handle_);
    open_ = false;
}

std::vector<Outcome> Store::apply(const std::vector<Batch>& batches) {
    std::deque<LoweredBatch> lowered;
    std::vector<engram_batch> abi;
    for (const Batch& batch : batches) abi.push_back(lowered.emplace_back(batch).abi());
    std::vector<engram_apply_result> results(batches.size());
    for (auto& result : results) {
        result = {};
        result.size = sizeof result;
    }
    ArenaCall call;
    expect(ENGRAM_OK, table().apply(self(), call, handle_, abi.data(), abi.size(), results.data()),
           call.message());
    std::vector<Outcome> out;
    for (const auto& result : results) out.push_back(outcomeOf(result));
    return out;
}

Outcome Store::apply(const engram_batch& batch) {
    engram_apply_result result{};
    result.size = sizeof result;
    ArenaCall call;
    expect(ENGRAM_OK, table().apply(self(), call, handle_, &batch, 1, &result), call.message());
    return outcomeOf(result);
}

Outcome Store::apply(const Batch& batch) {
    return apply(LoweredBatch(batch).abi());
}

Outcome Store::write(std::vector<Op> ops) {
    Batch batch;
    batch.ops = std::move(ops);
    const Outcome outcome = apply(batch);
    CHECK_MESSAGE(show(outcome) + ": " + outcome.message, outcome.outcome == ENGRAM_APPLY_DONE);
    return outcome;
}

std::unique_ptr<View> Store::view(uint64_t at, uint64_t at_least) const {
    ArenaCall call;
    uint64_t handle = 0, lsn = 0;
    expect(ENGRAM_OK, table().begin(self(), call, handle_, at, at_least, &handle, &lsn), call.message());
    return std::make_unique<View>(*this, handle, lsn);
}

engram_status Store::tryView(uint64_t at, uint64_t at_least) const {
    ArenaCall call;
    uint64_t handle = 0, lsn = 0;
    const engram_status status = table().begin(self(), call, handle_, at, at_least, &handle, &lsn);
    if (status == ENGRAM_OK) table().end(self(), handle);
    return status;
}

uint64_t Store::lsn() const {
    ArenaCall call;
    engram_storage_stats stats{};
    stats.size = sizeof stats;
    expect(ENGRAM_OK, table().stats(self(), call, handle_, &stats), call.message());
    return stats.lsn;
}

std::map<std::string, uint64_t> Store::counters() const {
    ArenaCall call;
    engram_storage_stats stats{};
    stats.size = sizeof stats;
    expect(ENGRAM_OK, table().stats(self(), call, handle_, &stats), call.message());
    std::map<std::string, uint64_t> out;
    for (size_t i = 0; i < stats.n_counters; ++i)
        if (stats.counters[i].value != 0)
            out[std::string(engram::view(stats.counters[i].name))] = stats.counters[i].value;
    return out;
}

std::vector<Change> Store::changes(uint64_t after, uint32_t limit, uint32_t wait_ms) const {
    std::vector<Change> out;
    const engram_changes sink = {sizeof(engram_changes), 0, &out,
                                 [](void* ctx, const engram_change* change) -> engram_status {
                                     static_cast<std::vector<Change>*>(ctx)->push_back(changeOf(*change));
                                     return ENGRAM_OK;
                                 }};
    ArenaCall call;
    expect(ENGRAM_OK, table().changes(self(), call, handle_, after, limit, wait_ms, &sink), call.message());
    return out;
}

engram_status Store::tryChanges(uint64_t after) const {
    const engram_changes sink = {sizeof(engram_changes), 0, nullptr,
                                 [](void*, const engram_change*) -> engram_status { return ENGRAM_OK; }};
    ArenaCall call;
    return table().changes(self(), call, handle_, after, 1, 0, &sink);
}

uint32_t Store::createSpace(const std::string& name, uint32_t dimensions) {
    engram_space space{};
    space.size = sizeof space;
    space.dimensions = dimensions;
    space.name = borrow(name);
    ArenaCall call;
    expect(ENGRAM_OK, table().space_create(self(), call, handle_, &space), call.message());
    CHECK(space.id != 0);
    return space.id;
}

std::vector<Space> Store::spaces() const {
    std::vector<Space> out;
    const engram_spaces sink = {
        sizeof(engram_spaces), 0, &out, [](void* ctx, const engram_space* s) -> engram_status {
            static_cast<std::vector<Space>*>(ctx)->push_back(
                {s->id, s->dimensions, s->active, std::string(engram::view(s->name)), s->covered});
            return ENGRAM_OK;
        }};
    ArenaCall call;
    expect(ENGRAM_OK, table().spaces(self(), call, handle_, &sink), call.message());
    return out;
}

void Store::check() const {
    if (!ENGRAM_HAS(engram_storage_v1, &table(), check) || !table().check) return;
    ArenaCall call;
    expect(ENGRAM_OK, table().check(self(), call, handle_), "check: " + call.message());
}

std::string Store::snapshot() const {
    std::string out;
    const engram_sink sink = {sizeof(engram_sink), 0, &out,
                              [](void* ctx, engram_bytes bytes) -> engram_status {
                                  static_cast<std::string*>(ctx)->append(engram::view(bytes));
                                  return ENGRAM_OK;
                              }};
    uint64_t at = 0;
    ArenaCall call;
    expect(ENGRAM_OK, table().snapshot(self(), call, handle_, &sink, &at), call.message());
    CHECK_EQ(lsn(), at);
    return out;
}

}  // namespace engram::conformance
