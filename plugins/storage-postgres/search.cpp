// The reads of Reader that searching is made of: words and vectors.
#include "reader.hpp"

#include "row.hpp"

#include <engram/cpp/bm25.hpp>
#include <engram/cpp/edit_distance.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <set>
#include <tuple>

namespace engram::storage_postgres {
namespace {

constexpr size_t kFilterRows = 1000;  // looked at in one question to PostgreSQL
constexpr size_t kBeyond = 32;  // and a quarter of k: finalists more than are wanted, scored again without rounding the query
constexpr SearchIndex::Needs kWords{SearchIndex::Needs::Words::Yes};

const std::vector<Posting>& postingsOf(const SearchIndex& index, std::string_view term) {
    static const std::vector<Posting> kNone;
    auto it = index.postings().find(term);
    return it == index.postings().end() ? kNone : it->second;
}

uint64_t countIn(const SearchIndex& index, const Scope& scope, const std::vector<Posting>& postings) {
    return static_cast<uint64_t>(std::count_if(postings.begin(), postings.end(), [&](const Posting& posting) {
        return scope.holds(index.rows()[posting.slot]);
    }));
}

// What the index has counted, where it is what the scope asks for.
std::optional<Totals> keptTotals(const engram_scope& scope, const SearchIndex& index, uint64_t at) {
    if (scope.kind == ENGRAM_KIND_ANY || scope.n_workspaces == 0) return std::nullopt;
    std::set<std::string_view> distinct;
    for (size_t i = 0; i < scope.n_workspaces; ++i) distinct.insert(view(scope.workspaces[i]));
    Totals out;
    for (const std::string_view name : distinct) {
        const uint32_t workspace = index.workspaces.known(name);
        const auto totals = index.totals(at, workspace, scope.kind);
        if (!totals) return std::nullopt;
        out.documents += totals->documents;
        out.length += totals->length;
    }
    return out;
}

struct Matches {
    std::vector<engram_posting> rows;
    std::vector<uint32_t> counts;  // one a term for each row

    // Takes a row of another's over.
    void add(const Matches& other, size_t row, size_t n_terms) {
        rows.push_back(other.rows[row]);
        const auto from = other.counts.begin() + static_cast<std::ptrdiff_t>(row * n_terms);
        counts.insert(counts.end(), from, from + static_cast<std::ptrdiff_t>(n_terms));
    }

    engram_status push(size_t n_terms, const engram_postings& sink) {
        for (size_t i = 0; i < rows.size(); ++i) rows[i].tf = counts.data() + i * n_terms;
        return rows.empty() ? engram_status(ENGRAM_OK) : sink.push(sink.ctx, rows.data(), rows.size());
    }
};

std::vector<double> scoresOf(const Matches& matches, const engram_ranking& ranking, size_t n_terms) {
    const Bm25 bm25{ranking.k1, ranking.b, ranking.average_length};
    std::vector<double> scores;
    scores.reserve(matches.rows.size());
    for (size_t i = 0; i < matches.rows.size(); ++i) {
        double sum = 0;
        for (size_t t = 0; t < n_terms; ++t)
            sum += bm25.share(ranking.weights[t], matches.counts[i * n_terms + t], matches.rows[i].length);
        scores.push_back(sum);
    }
    return scores;
}

// Merges the terms' postings by row.
Matches merged(const SearchIndex& index, Scope&& scope, const engram_str* terms, size_t n) {
    std::vector<const std::vector<Posting>*> lists;
    for (size_t i = 0; i < n; ++i) lists.push_back(&postingsOf(index, view(terms[i])));
    std::vector<size_t> at(n, 0);
    Matches out;
    while (true) {
        uint32_t slot = UINT32_MAX;
        for (size_t i = 0; i < n; ++i)
            if (at[i] < lists[i]->size()) slot = std::min(slot, (*lists[i])[at[i]].slot);
        if (slot == UINT32_MAX) return out;
        const RowFacts& row = index.rows()[slot];
        const bool wanted = scope.mayPass(row);
        for (size_t i = 0; i < n; ++i) {
            const bool here = at[i] < lists[i]->size() && (*lists[i])[at[i]].slot == slot;
            const uint32_t tf = here ? (*lists[i])[at[i]++].tf : 0;
            if (wanted) out.counts.push_back(tf);
        }
        if (wanted) out.rows.push_back({row.rid, nullptr, row.length, 0});
    }
}

}  // namespace

engram_term_stats Reader::terms(const engram_scope& abi, const engram_str* terms, size_t n, uint64_t* df) {
    const auto index = view_.tenant->index();
    const auto lock = ensure(*index, kWords);
    const Scope scope(abi, *index, view_.at);
    for (size_t i = 0; i < n; ++i) df[i] = countIn(*index, scope, postingsOf(*index, view(terms[i])));
    engram_term_stats stats{};
    stats.size = sizeof stats;
    if (const auto kept = keptTotals(abi, *index, view_.at)) {
        stats.documents = kept->documents;
        stats.total_length = kept->length;
        return stats;
    }
    for (const RowFacts& row : index->rows()) {
        if (!scope.holds(row)) continue;
        ++stats.documents;
        stats.total_length += row.length;
    }
    return stats;
}

engram_status Reader::expand(const engram_scope& abi, std::string_view prefix, uint32_t limit, void* ctx,
                             engram_status (*term)(void*, engram_str, uint64_t)) {
    std::vector<std::pair<std::string, uint64_t>> ranked;
    {
        const auto index = view_.tenant->index();
        const auto lock = ensure(*index, kWords);
        const Scope scope(abi, *index, view_.at);
        for (auto it = index->postings().lower_bound(prefix); it != index->postings().end(); ++it) {
            if (!it->first.starts_with(prefix)) break;
            if (const uint64_t df = countIn(*index, scope, it->second); df > 0) ranked.emplace_back(it->first, df);
        }
    }
    std::stable_sort(ranked.begin(), ranked.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
    for (size_t i = 0; i < ranked.size() && i < limit; ++i)
        if (const engram_status status = term(ctx, borrow(ranked[i].first), ranked[i].second); status != ENGRAM_OK)
            return status;
    return ENGRAM_OK;
}

engram_status Reader::similarTerms(const engram_scope& abi, std::string_view term, uint32_t most, uint32_t limit,
                                   const engram_similar_terms& sink) {
    if (!EditDistance::isQuestion(term, most, limit)) return ENGRAM_INVALID_ARGUMENT;
    const EditDistance distance(term, most);
    std::vector<std::tuple<uint32_t, uint64_t, std::string>> found;  // distance, all but the df, term: the least is the best
    {
        const auto index = view_.tenant->index();
        const auto lock = ensure(*index, kWords);
        const Scope scope(abi, *index, view_.at);
        for (const auto& [text, postings] : index->postings()) {
            const uint32_t away = distance.to(text);
            if (away < 1 || away > most) continue;
            if (const uint64_t df = countIn(*index, scope, postings); df > 0) found.emplace_back(away, UINT64_MAX - df, text);
        }
    }
    const size_t n = std::min<size_t>(limit, found.size());
    std::partial_sort(found.begin(), found.begin() + static_cast<std::ptrdiff_t>(n), found.end());
    for (size_t i = 0; i < n; ++i) {
        const auto& [away, rest, text] = found[i];
        if (const engram_status status = sink.term(sink.ctx, borrow(text), away, UINT64_MAX - rest); status != ENGRAM_OK)
            return status;
    }
    return ENGRAM_OK;
}

engram_status Reader::match(const engram_scope& abi, const engram_str* terms, size_t n, const engram_postings& sink) {
    Matches all;
    {
        const auto index = view_.tenant->index();
        const auto lock = ensure(*index, kWords);
        all = merged(*index, Scope(abi, *index, view_.at), terms, n);
    }
    if (!needsRow(abi.filter)) return all.push(n, sink);
    Matches good;
    for (size_t begin = 0; begin < all.rows.size(); begin += kFilterRows) {
        const size_t end = std::min(all.rows.size(), begin + kFilterRows);
        std::vector<uint64_t> rids;
        for (size_t i = begin; i < end; ++i) rids.push_back(all.rows[i].rid);
        const std::vector<bool> passes = passing(abi.filter, rids);
        for (size_t i = begin; i < end; ++i) {
            if (passes[i - begin]) good.add(all, i, n);
        }
    }
    return good.push(n, sink);
}

// Only the best are asked whether the filter that needs their rows lets them through, and more while too few pass.
engram_status Reader::matchBest(const engram_scope& abi, const engram_str* terms, size_t n, const engram_ranking& ranking,
                                const engram_postings& sink) {
    if (!isRanking(ranking, n)) return ENGRAM_INVALID_ARGUMENT;
    Matches all;
    {
        const auto index = view_.tenant->index();
        const auto lock = ensure(*index, kWords);
        all = merged(*index, Scope(abi, *index, view_.at), terms, n);
    }
    const std::vector<double> scores = scoresOf(all, ranking, n);
    std::vector<size_t> order(all.rows.size());
    std::iota(order.begin(), order.end(), size_t(0));
    const auto better = [&](size_t a, size_t b) { return scores[a] != scores[b] ? scores[a] > scores[b] : a < b; };
    std::vector<size_t> kept;
    auto from = order.begin();
    for (size_t piece = ranking.keep; from != order.end() && kept.size() < ranking.keep; piece = std::min(2 * piece, kFilterRows)) {
        const auto rest = static_cast<size_t>(order.end() - from);
        const auto to = from + static_cast<std::ptrdiff_t>(std::min(piece, rest));
        if (to != order.end()) std::nth_element(from, to, order.end(), better);
        std::vector<uint64_t> rids;
        for (auto it = from; it != to; ++it) rids.push_back(all.rows[*it].rid);
        const std::vector<bool> passes = needsRow(abi.filter) ? passing(abi.filter, rids) : std::vector<bool>(rids.size(), true);
        for (size_t i = 0; from != to; ++from, ++i)
            if (passes[i]) kept.push_back(*from);
    }
    std::sort(kept.begin(), kept.end());
    Matches best;
    for (const size_t row : kept) best.add(all, row, n);
    return best.push(n, sink);
}

uint32_t Reader::dimensionsOf(uint32_t space) {
    const auto spaces = read(session_, view_.tenant->id, {{kSpaces, {}}});
    for (int i = 0; i < spaces[0].rows(); ++i)
        if (static_cast<uint32_t>(spaces[0].small(i, 0)) == space) return static_cast<uint32_t>(spaces[0].small(i, 1));
    return 0;
}

engram_status Reader::unfilled(uint32_t space, uint32_t kind, uint64_t after, uint32_t limit, uint32_t want,
                               const engram_rows& rows) {
    if (dimensionsOf(space) == 0) return ENGRAM_NOT_FOUND;
    const auto answers = read(session_, view_.tenant->id,
                              {{kUnfilled, Parameters().add(static_cast<int32_t>(want & 0xFu)).add(std::min(after, uint64_t(kCurrent)))
                                               .add(view_.at).add(static_cast<int32_t>(kind)).add(static_cast<int32_t>(space))
                                               .add(static_cast<int32_t>(limit))}});
    for (int r = 0; r < answers[0].rows(); ++r) {
        Row row(answers[0], r);
        if (const engram_status status = rows.row(rows.ctx, static_cast<size_t>(r), row.record(want)); status != ENGRAM_OK)
            return status;
    }
    return ENGRAM_OK;
}

engram_status Reader::nearest(const engram_scope& abi, uint32_t space, const float* vector, uint32_t k,
                              engram_neighbour* out, size_t* n_out) {
    *n_out = 0;
    const uint32_t dimensions = dimensionsOf(space);
    if (dimensions == 0) return ENGRAM_NOT_FOUND;
    if (!std::all_of(vector, vector + dimensions, [](float f) { return std::isfinite(f); })) return ENGRAM_INVALID_ARGUMENT;

    if (k == 0) return ENGRAM_OK;
    const SearchIndex::Needs needs{SearchIndex::Needs::Words::No, space, dimensions, view_.fills};
    const size_t most = k + k / 4 + kBeyond;
    std::vector<engram_neighbour> found;
    // The best is on top of this heap.
    auto worse = [](const engram_neighbour& a, const engram_neighbour& b) {
        return a.similarity != b.similarity ? a.similarity < b.similarity : a.rid > b.rid;
    };
    auto better = [&](const engram_neighbour& a, const engram_neighbour& b) { return worse(b, a); };
    const bool by_row = needsRow(abi.filter);
    {
        const auto index = view_.tenant->index();
        const auto lock = ensure(*index, needs);
        Scope scope(abi, *index, view_.at);
        index->vectors(space)->scan(vector, [&](uint32_t slot, float similarity) {
            const RowFacts& row = index->rows()[slot];
            const engram_neighbour one{row.rid, similarity, 0};
            if (!by_row && found.size() == most && !better(one, found.front())) return;
            if (!scope.mayPass(row)) return;
            found.push_back(one);
            if (by_row) return;
            std::push_heap(found.begin(), found.end(), better);  // the worst on top
            if (found.size() <= most) return;
            std::pop_heap(found.begin(), found.end(), better);
            found.pop_back();
        });
    }
    if (by_row) found = passingBest(abi.filter, std::move(found), most);
    rescore(needs, vector, found);
    std::sort(found.begin(), found.end(), better);
    *n_out = std::min<size_t>(k, found.size());
    std::copy_n(found.begin(), *n_out, out);
    return ENGRAM_OK;
}

// The best that pass: best first in growing pieces, until enough have passed.
std::vector<engram_neighbour> Reader::passingBest(const engram_filter& filter, std::vector<engram_neighbour> found,
                                                  size_t most) {
    const auto worse = [](const engram_neighbour& a, const engram_neighbour& b) {
        return a.similarity != b.similarity ? a.similarity < b.similarity : a.rid > b.rid;
    };
    std::make_heap(found.begin(), found.end(), worse);
    std::vector<engram_neighbour> out;
    for (size_t piece = std::max<size_t>(64, most); !found.empty() && out.size() < most;
         piece = std::min<size_t>(4 * piece, 8192)) {
        std::vector<engram_neighbour> next;
        std::vector<uint64_t> rids;
        for (; !found.empty() && next.size() < piece; found.pop_back()) {
            std::pop_heap(found.begin(), found.end(), worse);
            next.push_back(found.back());
            rids.push_back(next.back().rid);
        }
        const std::vector<bool> passes = passing(filter, rids);
        for (size_t i = 0; i < next.size() && out.size() < most; ++i)
            if (passes[i]) out.push_back(next[i]);
    }
    return out;
}

// The scan rounds the query as well as the rows; this does not. Found again by rid: the lock was given up in between.
void Reader::rescore(const SearchIndex::Needs& needs, const float* query, std::vector<engram_neighbour>& found) {
    double square = 0;
    for (uint32_t d = 0; d < needs.dimensions; ++d) square += static_cast<double>(query[d]) * static_cast<double>(query[d]);
    const float inverse = square > 0 ? static_cast<float>(1.0 / std::sqrt(square)) : 0.0f;
    const auto index = view_.tenant->index();
    const auto lock = ensure(*index, needs);
    for (engram_neighbour& one : found)
        if (const auto slot = index->slotOf(one.rid))
            one.similarity = index->vectors(needs.space)->similarity(*slot, query, inverse).value_or(one.similarity);
}

}  // namespace engram::storage_postgres
