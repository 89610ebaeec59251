#include "engine/search.hpp"

#include "engine/candidates.hpp"
#include "engine/lexical_arm.hpp"
#include "engine/period.hpp"
#include "engine/prepared.hpp"

#include <engram/cpp/text.hpp>

#include <algorithm>
#include <map>
#include <type_traits>

namespace engram::engine {
namespace {

constexpr int64_t kToldWithin = 31LL * 86400 * 1000;  // after it happened
constexpr size_t kDated = 200;                        // best candidates whose dates are looked at

engram_scope scopeOf(const std::vector<engram_str>& workspaces, const LoweredFilter& filter) {
    return {sizeof(engram_scope), ENGRAM_KIND_MEMORY, workspaces.data(), workspaces.size(), filter.abi()};
}

Filter::Node occurredIn(const std::vector<Period>& periods) {
    Filter::Node any{ENGRAM_OR, 0, {}, {}, {}};
    for (const Period& period : periods) {
        Filter::Node within{ENGRAM_AND, 0, {}, {}, {}};
        const auto field = ENGRAM_FIELD_OCCURRED_AT;
        within.children.push_back({ENGRAM_GE, field, {}, {{ENGRAM_VALUE_INTEGER, {}, period.from, 0, false}}, {}});
        within.children.push_back({ENGRAM_LT, field, {}, {{ENGRAM_VALUE_INTEGER, {}, period.until, 0, false}}, {}});
        any.children.push_back(std::move(within));
    }
    return any;
}

class Search {
public:
    Search(const StorageBinding& storage, const View& view, ArenaCall& call, const SearchOptions& options,
           const SearchQuery& query, int64_t now, uint64_t first)
        : storage_(storage), view_(view), call_(call), options_(options), query_(query),
          now_(now), first_(first), filter_(wanted(query, now)), lowered_(filter_), words_(storage, view, call, options) {
        for (const std::string& workspace : query.workspaces) workspaces_.push_back(borrow(workspace));
        scope_ = scopeOf(workspaces_, lowered_);
        if (query.dates == SearchQuery::Dates::Favour) periods_ = periodsIn(query.text, now);
        for (Period& period : periods_) period.until += kToldWithin;
    }

    Result<SearchAnswer> run(const QueryVector& query_vector) {
        const bool lexical = query_.mode != SearchQuery::Mode::Vector;
        const bool vector = query_.mode != SearchQuery::Mode::Lexical && query_vector.space != 0;
        if (lexical) {
            if (auto planned = timed("plan", [&] { return words_.plan(query_.text, scope_, standIns()); }); !planned) return planned.error();
            if (auto matched = timed("lexical", [&] { return match(); }); !matched) return matched.error();
        }
        if (vector)
            if (auto found = timed("vector", [&] { return nearest(query_vector); }); !found) return found.error();
        fuse();
        if (query_.context == SearchQuery::Context::Session)
            if (auto lent = timed("context", [&] { return lendContext(); }); !lent) return lent.error();
        if (!periods_.empty())
            if (auto dated = timed("dates", [&] { return favourDates(); }); !dated) return dated.error();
        if (auto weighed = timed("weight", [&] { return weigh(); }); !weighed) return weighed.error();
        auto found = timed("read", [&] { return answer(); });
        if (found && query_.explain == SearchQuery::Explain::Yes) found->explanation = explanation();
        if (!found || !query_.why_not) return found;
        auto why = whyNot(searched(), *query_.why_not);
        if (!why) return why.error();
        found->why_not = std::move(*why);
        return found;
    }

private:
    template <class Part>
    std::invoke_result_t<Part> timed(const char* name, Part part) {
        if (query_.explain != SearchQuery::Explain::Yes) return part();
        const Timed timed(explanation_, name);
        return part();
    }

    Explanation explanation() {
        uint64_t lexical = 0, vector = 0, lent = 0;
        for (const auto& [rid, candidate] : candidates_) {
            lexical += candidate.bm25 > 0 ? 1 : 0;
            vector += candidate.similarity > 0 ? 1 : 0;
            lent += candidate.own() == 0 ? 1 : 0;
        }
        Explanation out = std::move(explanation_);
        out.candidates = {{"lexical", lexical}, {"vector", vector}, {"neighbours", lent}, {"all", candidates_.size()}};
        for (const PlannedTerm& term : words_.planned().terms) out.terms.push_back({term.text, term.df, term.idf, term.stands_for});
        out.dropped = words_.planned().dropped;
        const Analysis telling = analyseQuery(query_.text);
        for (const Term& term : analyse(query_.text).terms) {
            auto is = [&](const Term& other) { return other.text == term.text; };
            if (std::none_of(telling.terms.begin(), telling.terms.end(), is))
                out.dropped.push_back({term.text, DroppedTerm::Reason::StopWord});
        }
        return out;
    }

    Searched searched() {
        for (const PlannedTerm& term : words_.planned().terms) looked_for_.push_back(term.text);
        return {storage_, view_, call_, query_.workspaces, query_.filter, looked_for_, candidates_, query_.limit, now_};
    }

    LexicalArm::StandIns standIns() const {
        return query_.fuzzy == SearchQuery::Fuzzy::Auto ? LexicalArm::StandIns::Allowed : LexicalArm::StandIns::None;
    }

    static Filter wanted(const SearchQuery& query, int64_t now) {
        Filter filter = query.filter;
        filter.require(notExpired(now));
        if (query.valid_at) filter.require(validAt(*query.valid_at));
        return filter;
    }

    Result<void> match() {
        if (auto matched = words_.match(scope_, candidates_); !matched || periods_.empty()) return matched;
        // What is of the named time must not be kept out by better matches of other times.
        Filter dated = filter_;
        dated.require(occurredIn(periods_));
        const LoweredFilter lowered(dated);
        return words_.match(scopeOf(workspaces_, lowered), candidates_);
    }

    Result<void> nearest(const QueryVector& vector) {
        std::vector<engram_neighbour> found(options_.candidates);
        size_t n = 0;
        const engram_status status =
            storage_.table->nearest(storage_.self, call_, view_.handle(), &scope_, vector.space, vector.values.data(),
                                    static_cast<uint32_t>(found.size()), found.data(), &n);
        if (status != ENGRAM_OK) return storageError(status, call_);
        for (size_t i = 0; i < n; ++i)
            if (found[i].similarity > 0) candidates_[found[i].rid].similarity = found[i].similarity;
        return {};
    }

    // Both arms scaled by their best candidate; added with their weights they are a candidate's own score.
    void fuse() {
        double best_bm25 = 0, best_similarity = 0;
        for (const auto& [rid, candidate] : candidates_) {
            best_bm25 = std::max(best_bm25, candidate.bm25);
            best_similarity = std::max(best_similarity, candidate.similarity);
        }
        const double vector_weight = query_.mode == SearchQuery::Mode::Vector ? 1.0 : options_.vector_weight;
        for (auto& [rid, candidate] : candidates_) {
            candidate.lexical = best_bm25 > 0 ? candidate.bm25 / best_bm25 : 0;
            candidate.vector = best_similarity > 0 ? vector_weight * candidate.similarity / best_similarity : 0;
        }
    }

    // The sessions of the best candidates, and what their memories lend each other.
    Result<void> lendContext() {
        const engram_storage_v1* table = storage_.table;
        if (!ENGRAM_HAS(engram_storage_v1, table, companions) || !table->companions) return {};
        struct Sessions {
            const std::vector<uint64_t> heads;
            const Candidates& candidates;
            std::vector<SessionRecords> of_heads{};
            bool any = false;
        };
        Sessions sessions{bestOf(candidates_, options_.context.heads, [](const Candidate& c) { return c.own(); }), candidates_};
        const auto push = [](void* ctx, size_t index, const engram_member* members, size_t n) -> engram_status {
            auto& into = *static_cast<Sessions*>(ctx);
            SessionRecords& session = into.of_heads.emplace_back();
            for (size_t i = 0; i < n; ++i) {
                session.rids.push_back(members[i].rid);
                session.length += members[i].length;
            }
            if (n > 0) into.any = true;
            else session = {{into.heads[index]}, into.candidates.at(into.heads[index]).length};
            return ENGRAM_OK;
        };
        const engram_groups sink = {sizeof(engram_groups), 0, &sessions, push};
        const engram_status status = table->companions(storage_.self, call_, view_.handle(), &scope_, sessions.heads.data(),
                                                       sessions.heads.size(), options_.context.memories, &sink);
        if (status != ENGRAM_OK) return storageError(status, call_);
        if (sessions.any)
            lendInSessions(sessions.of_heads, words_.planned().own_terms, options_.context, {options_.k1, options_.b, 1},
                           candidates_);
        return {};
    }

    Result<void> favourDates() {
        const auto best = bestOf(candidates_, kDated, [](const Candidate& c) { return c.score(); });
        return rows(best, ENGRAM_WANT_FACTS, [&](size_t i, const engram_record& record) {
            const bool named = record.occurred_at != ENGRAM_TIME_NONE &&
                               std::any_of(periods_.begin(), periods_.end(),
                                           [&](const Period& period) { return period.contains(record.occurred_at); });
            if (named) candidates_[best[i]].date = options_.date_factor;
        });
    }

    // Of the best, as many as may come into this page.
    Result<void> weigh() {
        auto best = bestOf(candidates_, options_.weight.most, [](const Candidate& c) { return c.score(); });
        const size_t page = std::min<size_t>(best.size(), first_ + query_.limit);
        if (page == 0) return {};
        const double least = candidates_[best[page - 1]].score() * options_.weight.reach();
        while (best.size() > page && candidates_[best.back()].score() < least) best.pop_back();
        return rows(best, ENGRAM_WANT_FACTS, [&](size_t i, const engram_record& record) {
            const Weight weight = weightOf(record, options_.weight, now_);
            candidates_[best[i]].importance = weight.importance;
            candidates_[best[i]].recency = weight.recency;
        });
    }

    // Calls row(place in rids, record) for those that are there.
    template <class Row>
    Result<void> rows(const std::vector<uint64_t>& rids, uint32_t want, Row row) {
        std::vector<engram_ref> refs(rids.size());
        for (size_t i = 0; i < rids.size(); ++i) {
            refs[i].by = ENGRAM_BY_RID;
            refs[i].rid = rids[i];
        }
        auto push = [](void* ctx, size_t index, const engram_record* record) -> engram_status {
            (*static_cast<Row*>(ctx))(index, *record);
            return ENGRAM_OK;
        };
        const engram_rows sink = {sizeof(engram_rows), 0, &row, push};
        const engram_status status =
            storage_.table->get(storage_.self, call_, view_.handle(), refs.data(), refs.size(), want, &sink);
        if (status != ENGRAM_OK) return storageError(status, call_);
        return {};
    }

    Result<SearchAnswer> answer() {
        SearchAnswer answer;
        answer.lsn = view_.lsn();
        answer.page.all = candidates_.size();
        auto best = bestOf(candidates_, first_ + query_.limit, [](const Candidate& c) { return c.score(); });
        best.erase(best.begin(), best.begin() + static_cast<std::ptrdiff_t>(std::min<uint64_t>(first_, best.size())));
        std::map<size_t, Hit> hits;
        auto read = rows(best, ENGRAM_WANT_TEXT | ENGRAM_WANT_METADATA, [&](size_t i, const engram_record& record) {
            hits.emplace(i, hitOf(candidates_[best[i]], memoryOf(record)));
        });
        if (!read) return read.error();
        for (auto& [i, hit] : hits) answer.hits.push_back(std::move(hit));
        return answer;
    }

    Hit hitOf(const Candidate& candidate, Memory memory) const {
        Hit hit;
        hit.memory = std::move(memory);
        hit.score = candidate.score();
        hit.lexical = candidate.lexical;
        hit.vector = candidate.vector;
        hit.bm25 = candidate.bm25;
        hit.similarity = candidate.similarity;
        hit.neighbours = candidate.neighbours;
        hit.session = candidate.session;
        hit.date = candidate.date;
        hit.importance = candidate.importance;
        hit.recency = candidate.recency;
        if (query_.explain == SearchQuery::Explain::Yes) explain(hit, candidate);
        return hit;
    }

    void explain(Hit& hit, const Candidate& candidate) const {
        for (size_t t = 0; t < candidate.tf.size(); ++t) {
            if (candidate.tf[t] == 0) continue;
            const PlannedTerm& term = words_.planned().terms[t];
            hit.terms.push_back({term.text, term.df, candidate.tf[t], term.idf,
                                 words_.termScore(term, candidate.tf[t], candidate.length), term.stands_for, term.distance});
        }
        for (const DroppedTerm& term : words_.planned().dropped) hit.dropped_terms.push_back(term.term);
    }

    const StorageBinding& storage_;
    const View& view_;
    ArenaCall& call_;
    const SearchOptions& options_;
    const SearchQuery& query_;
    const int64_t now_;
    const uint64_t first_;  // results before this page
    Filter filter_;
    LoweredFilter lowered_;
    std::vector<engram_str> workspaces_;
    engram_scope scope_{};
    std::vector<Period> periods_;
    LexicalArm words_;
    Candidates candidates_;
    Explanation explanation_;               // its times, until the search is over
    std::vector<std::string> looked_for_;
};

}  // namespace

SearchOptions SearchWeights::over(SearchOptions options) const {
    options.vector_weight = vector.value_or(options.vector_weight);
    options.context.session = session.value_or(options.context.session);
    if (dates) options.date_factor = 1 + *dates;
    options.weight.importance = importance.value_or(options.weight.importance);
    options.weight.recency = recency.value_or(options.weight.recency);
    options.weight.half_life = half_life.value_or(options.weight.half_life);
    return options;
}

Result<SearchAnswer> runSearch(const StorageBinding& storage, const View& view, ArenaCall& call, const QueryVector& vector,
                               const SearchOptions& options, const SearchQuery& query, int64_t now, uint64_t first) {
    const SearchOptions weighted = query.weights.over(options);
    auto answer = Search(storage, view, call, weighted, query, now, first).run(vector);
    if (answer) answer->incomplete = vector.incomplete;
    return answer;
}

}  // namespace engram::engine
