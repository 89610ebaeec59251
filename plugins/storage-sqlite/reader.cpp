#include "reader.hpp"

#include "best_matches.hpp"
#include "list_page.hpp"
#include "row.hpp"
#include "scoped_rows.hpp"
#include "vector_rows.hpp"

#include <engram/cpp/bm25.hpp>
#include <engram/cpp/text.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>

namespace engram::storage_sqlite {
namespace {

std::string_view bytesOf(const engram_uuid& id) { return {reinterpret_cast<const char*>(id.bytes), sizeof id.bytes}; }

// Postings on their way to a sink, in blocks.
class PostingBlocks {
public:
    PostingBlocks(const Facts& facts, const std::vector<const TermPostings*>& lists, const engram_postings& sink)
        : facts_(facts), lists_(lists), sink_(sink) {
        counts_.reserve(kBlock * lists.size());
    }

    // The row at a place; at[i] is where its posting in list i is, if it is there.
    engram_status push(uint32_t place, const std::vector<size_t>& at) {
        for (size_t i = 0; i < lists_.size(); ++i) {
            const TermPostings& list = *lists_[i];
            counts_.push_back(at[i] < list.size() && list[at[i]].place == place ? list[at[i]].tf : 0);
        }
        block_.push_back({facts_.rows()[place].rid, nullptr, facts_.lengths()[place], 0});
        return block_.size() == kBlock ? flush() : engram_status(ENGRAM_OK);
    }

    engram_status flush() {
        for (size_t i = 0; i < block_.size(); ++i) block_[i].tf = counts_.data() + i * lists_.size();
        const engram_status status = block_.empty() ? ENGRAM_OK : sink_.push(sink_.ctx, block_.data(), block_.size());
        block_.clear();
        counts_.clear();
        return status;
    }

private:
    static constexpr size_t kBlock = 256;
    const Facts& facts_;
    const std::vector<const TermPostings*>& lists_;
    const engram_postings& sink_;
    std::vector<uint32_t> counts_;
    std::vector<engram_posting> block_;
};

}  // namespace

Reader::~Reader() { tenant_->giveReader(std::move(db_)); }

// For reads of rows alone: any snapshot that has what was published when the view began will do.
void Reader::beginRows() {
    const uint64_t generation = tenant_->generation();
    if (!searching_ && !db_->holdsSnapshot(generation)) db_->takeSnapshot(generation);
}

// What is in memory of rows asked for by their numbers.
engram_status Reader::getFacts(const engram_ref* refs, size_t n, const engram_rows& rows) {
    std::vector<std::pair<size_t, RowFacts>> found;
    tenant_->loadIndex();
    {
        std::shared_lock lock(tenant_->index_mutex);
        for (size_t i = 0; i < n; ++i)
            if (const RowFacts* facts = tenant_->facts.find(refs[i].rid); facts && facts->visibleAt(at_) && !facts->deleted)
                found.emplace_back(i, *facts);
    }
    for (const auto& [i, facts] : found) {
        engram_record record{};
        record.size = sizeof record;
        record.kind = facts.kind;
        record.id = facts.id;
        record.importance = facts.importance;
        record.pinned = facts.pinned;
        record.created_at = facts.created_at;
        record.updated_at = facts.updated_at;
        record.occurred_at = facts.occurred_at;
        record.expires_at = facts.expires_at;
        record.valid_from = record.valid_until = ENGRAM_TIME_NONE;
        record.length = facts.length;
        record.rid = record.lsn_from = facts.rid;
        record.lsn_to = facts.lsn_to;
        if (const engram_status status = rows.row(rows.ctx, i, &record); status != ENGRAM_OK) return status;
    }
    return ENGRAM_OK;
}

engram_status Reader::get(const engram_ref* refs, size_t n, uint32_t want, const engram_rows& rows) {
    const bool by_rid = std::all_of(refs, refs + n, [](const engram_ref& ref) { return ref.by == ENGRAM_BY_RID; });
    if (want == ENGRAM_WANT_FACTS && by_rid) return getFacts(refs, n, rows);
    constexpr const char* kById =
        "SELECT " ENGRAM_ROW_COLUMNS " FROM versions WHERE id = ?1 AND rid <= ?2 ORDER BY version DESC LIMIT 1";
    constexpr const char* kByRid = "SELECT " ENGRAM_ROW_COLUMNS " FROM versions WHERE rid = ?1 AND rid <= ?2";
    constexpr const char* kByName = "SELECT " ENGRAM_ROW_COLUMNS
                                    " FROM versions WHERE workspace = ?3 AND kind = ?4 AND name = ?5 AND name <> '' AND"
                                    " deleted = 0 AND rid <= ?2 AND lsn_to > ?2 LIMIT 1";
    beginRows();
    for (size_t i = 0; i < n; ++i) {
        const engram_ref& ref = refs[i];
        Statement s = db_->statement(ref.by == ENGRAM_BY_ID ? kById : ref.by == ENGRAM_BY_RID ? kByRid : kByName);
        s.bind(2, at_);
        if (ref.by == ENGRAM_BY_ID) s.bindBlob(1, bytesOf(ref.id));
        else if (ref.by == ENGRAM_BY_RID) s.bind(1, ref.rid);
        else s.bindText(3, view(ref.workspace)).bind(4, int64_t(ref.kind)).bindText(5, view(ref.name));
        if (!s.step()) continue;
        Row row(s);
        if (row.lsnTo() <= at_) continue;
        if (row.deleted() && !(want & ENGRAM_WANT_DELETED)) continue;
        if (const engram_status status = rows.row(rows.ctx, i, row.record(want)); status != ENGRAM_OK) return status;
    }
    return ENGRAM_OK;
}

engram_status Reader::history(const engram_uuid& id, uint32_t want, const engram_rows& rows) {
    beginRows();
    Statement s = db_->statement("SELECT " ENGRAM_ROW_COLUMNS " FROM versions WHERE id = ? AND rid <= ? ORDER BY version");
    s.bindBlob(1, bytesOf(id)).bind(2, at_);
    for (size_t index = 0; s.step(); ++index) {
        Row row(s);
        if (const engram_status status = rows.row(rows.ctx, index, row.record(want)); status != ENGRAM_OK) return status;
    }
    return ENGRAM_OK;
}

engram_status Reader::edges(const engram_uuid& id, bool incoming, const engram_edges& sink) {
    constexpr const char* kOutgoing =
        "SELECT source, target, type, weight, valid_from, valid_until, created_at, metadata, lsn, lsn_to FROM edges"
        " WHERE source = ?1 AND deleted = 0 AND lsn <= ?2 AND lsn_to > ?2 ORDER BY type, target";
    constexpr const char* kIncoming =
        "SELECT source, target, type, weight, valid_from, valid_until, created_at, metadata, lsn, lsn_to FROM edges"
        " WHERE target = ?1 AND deleted = 0 AND lsn <= ?2 AND lsn_to > ?2 ORDER BY type, source";
    beginRows();
    Statement s = db_->statement(incoming ? kIncoming : kOutgoing);
    s.bindBlob(1, bytesOf(id)).bind(2, at_);
    while (s.step()) {
        auto uuid = [&](int column) {
            engram_uuid out{};
            const std::string_view bytes = s.blob(column);
            if (bytes.size() == sizeof out.bytes) std::memcpy(out.bytes, bytes.data(), sizeof out.bytes);
            return out;
        };
        auto time = [&](int column) { return s.isNull(column) ? ENGRAM_TIME_NONE : s.integer(column); };
        engram_edge edge{};
        edge.size = sizeof edge;
        edge.from = uuid(0);
        edge.to = uuid(1);
        edge.type = borrow(s.text(2));
        edge.weight = s.real(3);
        edge.valid_from = time(4);
        edge.valid_until = time(5);
        edge.created_at = time(6);
        edge.metadata = borrow(s.text(7));
        edge.lsn_from = static_cast<uint64_t>(s.integer(8));
        edge.lsn_to = Row::lsnOf(s.integer(9));
        if (const engram_status status = sink.edge(sink.ctx, &edge); status != ENGRAM_OK) return status;
    }
    return ENGRAM_OK;
}

engram_status Reader::list(const engram_list_query& query, const engram_rows& rows, std::string& next_cursor) {
    std::optional<ListPage> page;
    tenant_->loadIndex();
    tenant_->prepare(query.scope.filter);
    {
        std::shared_lock lock(tenant_->index_mutex);
        beginRows();
        ScopedRows scope(query.scope, *tenant_, *db_, at_);
        page = listPage(query, tenant_->facts, scope);
    }
    if (!page) return ENGRAM_INVALID_ARGUMENT;
    next_cursor = std::move(page->next);
    for (size_t i = 0; i < page->rids.size(); ++i) {
        Statement s = db_->statement("SELECT " ENGRAM_ROW_COLUMNS " FROM versions WHERE rid = ?");
        s.bind(1, page->rids[i]);
        if (!s.step()) continue;
        Row row(s);
        if (const engram_status status = rows.row(rows.ctx, i, row.record(query.want)); status != ENGRAM_OK) return status;
    }
    return ENGRAM_OK;
}

// Fixes what the folded index and the segments say together for the rest of the view.
void Reader::beginSearch() {
    if (searching_) return;
    tenant_->loadIndex();
    {
        std::shared_lock lock(tenant_->index_mutex);
        if (!tenant_->tail.unsealed()) return fixSearch();
    }
    std::unique_lock lock(tenant_->index_mutex);
    tenant_->tail.seal();
    fixSearch();
}

void Reader::fixSearch() {
    const uint64_t generation = tenant_->generation();
    if (!db_->holdsSnapshot(generation)) db_->takeSnapshot(generation);
    segments_ = tenant_->tail.segments();
    folded_ = tenant_->folded;
    purges_ = tenant_->purges;
    searching_ = true;
}

void Reader::load(const engram_str* terms, size_t n) {
    for (size_t i = 0; i < n; ++i)
        if (std::string term(view(terms[i])); !postings_.contains(term)) load(term);
}

// The folded part comes from the cache as far as it goes, and the rest of it from the file; then the tail.
void Reader::load(const std::string& term) {
    const PostingCache::ListPointer known = tenant_->cachedPostings(term);
    thread_local std::vector<Posting> read;  // kept for its memory
    read.clear();
    if (!known || known->folded < folded_) {
        Statement s = db_->statement("SELECT block FROM postings WHERE term = ? AND last > ? ORDER BY last");
        s.bindBlob(1, term).bind(2, known ? known->folded : 0);
        while (s.step())
            if (!decodePostings(s.blob(0), read)) throw SqliteError(SQLITE_CORRUPT, "damaged postings");
    }
    std::shared_lock lock(tenant_->index_mutex);
    const Facts& facts = tenant_->facts;
    TermPostings& postings = postings_[term];
    postings.folded = known;
    if (!known || known->folded < folded_) {
        auto list = std::make_shared<PostingCache::List>();
        if (known) list->postings = known->postings;
        facts.place(read, list->postings);
        list->folded = folded_;
        postings.folded = list;
        tenant_->cachePostings(term, list, purges_);
    }
    if (constexpr size_t kKept = 1u << 16; read.capacity() > kKept) std::vector<Posting>().swap(read);
    const auto& folded = postings.folded->postings;
    postings.folded_count = folded.size();
    if (postings.folded->folded > folded_)  // a view that began before the last folding
        postings.folded_count = static_cast<size_t>(
            std::lower_bound(folded.begin(), folded.end(), facts.placesUpTo(folded_),
                             [](const PlacedPosting& p, uint32_t end) { return p.place < end; }) - folded.begin());
    for (const auto& segment : segments_)
        if (auto found = segment->postings.find(term); found != segment->postings.end())
            facts.place(found->second, postings.tail);
}

std::vector<const TermPostings*> Reader::loaded(const engram_str* terms, size_t n) const {
    std::vector<const TermPostings*> out;
    for (size_t i = 0; i < n; ++i) out.push_back(&postings_.at(std::string(view(terms[i]))));
    return out;
}

engram_term_stats Reader::terms(const engram_scope& abi, const engram_str* terms, size_t n, uint64_t* df) {
    beginSearch();
    load(terms, n);
    std::shared_lock lock(tenant_->index_mutex);
    const ScopedRows scope(abi, *tenant_, *db_, at_);
    const auto lists = loaded(terms, n);
    for (size_t i = 0; i < n; ++i) df[i] = scope.countIn(*lists[i]);
    const Totals totals = scope.totals();
    engram_term_stats stats{};
    stats.size = sizeof stats;
    stats.documents = totals.documents;
    stats.total_length = totals.length;
    return stats;
}

engram_status Reader::expand(const engram_scope& abi, std::string_view prefix, uint32_t limit, void* ctx,
                             engram_status (*term)(void*, engram_str, uint64_t)) {
    beginSearch();
    std::set<std::string> known;
    {
        Statement s = db_->statement("SELECT DISTINCT term FROM postings WHERE term >= ? ORDER BY term");
        s.bindBlob(1, prefix);
        while (s.step() && s.blob(0).starts_with(prefix)) known.emplace(s.blob(0));
    }
    for (const auto& segment : segments_)
        for (const auto& [text, postings] : segment->postings)
            if (text.starts_with(prefix)) known.insert(text);
    std::vector<std::pair<std::string, uint64_t>> ranked;
    for (const std::string& text : known)
        if (!postings_.contains(text)) load(text);
    {
        std::shared_lock lock(tenant_->index_mutex);
        const ScopedRows scope(abi, *tenant_, *db_, at_);
        for (const std::string& text : known)
            if (const uint64_t df = scope.countIn(postings_.at(text)); df > 0) ranked.emplace_back(text, df);
    }
    std::stable_sort(ranked.begin(), ranked.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
    for (size_t i = 0; i < ranked.size() && i < limit; ++i)
        if (const engram_status status = term(ctx, borrow(ranked[i].first), ranked[i].second); status != ENGRAM_OK)
            return status;
    return ENGRAM_OK;
}

engram_status Reader::match(const engram_scope& abi, const engram_str* terms, size_t n, const engram_postings& sink) {
    beginSearch();
    load(terms, n);
    std::shared_lock lock(tenant_->index_mutex);
    ScopedRows scope(abi, *tenant_, *db_, at_);
    const auto lists = loaded(terms, n);
    PostingBlocks blocks(tenant_->facts, lists, sink);
    std::vector<size_t> at(n, 0);
    while (true) {
        uint32_t place = Facts::kNowhere;
        for (size_t i = 0; i < n; ++i)
            if (at[i] < lists[i]->size()) place = std::min(place, (*lists[i])[at[i]].place);
        if (place == Facts::kNowhere) break;
        if (scope.passes(place))
            if (const engram_status status = blocks.push(place, at); status != ENGRAM_OK) return status;
        for (size_t i = 0; i < n; ++i)
            if (at[i] < lists[i]->size() && (*lists[i])[at[i]].place == place) ++at[i];
    }
    return blocks.flush();
}

// A search asks twice where its text names a time, with another filter: what the terms add up to is the same.
BestMatches& Reader::scored(const engram_scope& abi, const ScopedRows& scope, const engram_str* terms, size_t n,
                            const engram_ranking& ranking, const std::vector<const TermPostings*>& lists) {
    ScoredFor asked{abi.kind, {}, {}, {ranking.weights, ranking.weights + n}};
    for (const double number : {ranking.k1, ranking.b, ranking.average_length}) asked.numbers.push_back(number);
    for (size_t i = 0; i < abi.n_workspaces; ++i) asked.workspaces.emplace_back(view(abi.workspaces[i]));
    for (size_t i = 0; i < n; ++i) asked.terms.emplace_back(view(terms[i]));
    if (scores_ && asked == scored_for_) return *scores_;
    scores_ = std::make_unique<BestMatches>(Bm25{ranking.k1, ranking.b, ranking.average_length}, tenant_->facts);
    for (size_t i = 0; i < n; ++i) scores_->add(*lists[i], ranking.weights[i], scope);
    scored_for_ = std::move(asked);
    return *scores_;
}

engram_status Reader::matchBest(const engram_scope& abi, const engram_str* terms, size_t n, const engram_ranking& ranking,
                                const engram_postings& sink) {
    if (!isRanking(ranking, n)) return ENGRAM_INVALID_ARGUMENT;
    beginSearch();
    tenant_->prepare(abi.filter);
    load(terms, n);
    std::shared_lock lock(tenant_->index_mutex);
    ScopedRows scope(abi, *tenant_, *db_, at_);
    const auto lists = loaded(terms, n);
    BestMatches& best = scored(abi, scope, terms, n, ranking, lists);
    PostingBlocks blocks(tenant_->facts, lists, sink);
    std::vector<size_t> at(n, 0);
    for (const uint32_t place : best.take(ranking.keep, scope)) {
        for (size_t i = 0; i < n; ++i) at[i] = lists[i]->seek(at[i], place);
        if (const engram_status status = blocks.push(place, at); status != ENGRAM_OK) return status;
    }
    return blocks.flush();
}

engram_status Reader::nearest(const engram_scope& abi, uint32_t space, const float* vector, uint32_t k,
                              engram_neighbour* out, size_t* n_out) {
    tenant_->loadIndex();
    const VectorSet* set = tenant_->loadVectors(space);
    if (!set) return ENGRAM_NOT_FOUND;
    tenant_->prepare(abi.filter);
    std::shared_lock lock(tenant_->index_mutex);
    beginRows();
    ScopedRows scope(abi, *tenant_, *db_, at_);
    const VectorSet::Wanted wanted{[&](uint32_t place) { return scope.passes(place); }, scope.passesCheaply()};
    const auto found = set->nearest(vector, k, wanted);
    for (size_t i = 0; i < found.size(); ++i)
        out[i] = {tenant_->facts.rows()[found[i].place].rid, found[i].similarity, 0};
    *n_out = found.size();
    return ENGRAM_OK;
}

engram_status Reader::companions(const engram_scope& abi, const uint64_t* rids, size_t n, uint64_t most,
                                 const engram_groups& sink) {
    struct Found {
        size_t index;
        std::vector<engram_member> members;
    };
    std::vector<Found> found;
    tenant_->loadIndex();
    {
        std::shared_lock lock(tenant_->index_mutex);
        beginRows();
        ScopedRows scope(abi, *tenant_, *db_, at_);
        const Facts& facts = tenant_->facts;
        std::vector<uint32_t> seen;
        for (size_t i = 0; i < n; ++i) {
            const uint32_t own = facts.placeOf(rids[i]);
            if (own == Facts::kNowhere || !facts.rows()[own].visibleAt(at_) || facts.rows()[own].deleted) continue;
            const uint32_t group = tenant_->companions.groupOf(own);
            if (std::find(seen.begin(), seen.end(), group) != seen.end()) continue;
            Found& one = found.emplace_back(Found{i, {}});
            if (group == Companions::kNoGroup) continue;
            seen.push_back(group);
            const std::vector<uint32_t>& places = tenant_->companions.places(group);
            const auto size = static_cast<uint64_t>(
                std::count_if(places.begin(), places.end(), [&](uint32_t place) { return scope.holds(place); }));
            if (size > most) {
                found.pop_back();
                break;
            }
            most -= size;
            for (const uint32_t place : places)
                if (scope.passes(place)) one.members.push_back({facts.rows()[place].rid, facts.lengths()[place], 0});
        }
    }
    for (const Found& one : found)
        if (const engram_status status = sink.group(sink.ctx, one.index, one.members.data(), one.members.size());
            status != ENGRAM_OK)
            return status;
    return ENGRAM_OK;
}

engram_status Reader::unfilled(uint32_t space, uint32_t kind, uint64_t after, uint32_t limit, uint32_t want,
                               const engram_rows& rows) {
    {
        std::shared_lock lock(tenant_->index_mutex);
        if (std::none_of(tenant_->spaces.begin(), tenant_->spaces.end(), [&](const Space& s) { return s.id == space; }))
            return ENGRAM_NOT_FOUND;
    }
    beginRows();
    return pushUnfilled(*db_, at_, space, kind, after, limit, want, rows);
}

}  // namespace engram::storage_sqlite
