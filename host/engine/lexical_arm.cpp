#include "engine/lexical_arm.hpp"

#include "engine/context.hpp"
#include "engine/fuzzy.hpp"
#include "engine/search.hpp"

#include <engram/cpp/bm25.hpp>
#include <engram/cpp/text.hpp>

#include <algorithm>

namespace engram::engine {

Result<void> LexicalArm::plan(std::string_view text, const engram_scope& scope, StandIns stand_ins) {
    Analysis analysis = analyseQuery(text);
    for (; analysis.terms.size() > options_.max_terms; analysis.terms.pop_back())
        plan_.dropped.push_back({analysis.terms.back().text, DroppedTerm::Reason::TooMany});
    if (analysis.terms.empty()) return {};
    std::vector<engram_str> terms;
    for (const Term& term : analysis.terms) terms.push_back(borrow(term.text));
    std::vector<uint64_t> df(terms.size());
    engram_term_stats stats{};
    stats.size = sizeof stats;
    const engram_status status =
        storage_.table->terms(storage_.self, call_, view_.handle(), &scope, terms.data(), terms.size(), df.data(), &stats);
    if (status != ENGRAM_OK) return storageError(status, call_);
    plan_.average_length =
        stats.documents ? std::max(1.0, static_cast<double>(stats.total_length) / static_cast<double>(stats.documents)) : 1.0;
    std::vector<PlannedTerm> known;
    for (size_t i = 0; i < terms.size(); ++i) {
        if (df[i] > 0) known.push_back({analysis.terms[i].text, df[i], inverseFrequency(stats.documents, df[i])});
        else if (stand_ins == StandIns::None)
            plan_.dropped.push_back({analysis.terms[i].text, DroppedTerm::Reason::Unknown});
        else if (auto added = addStandIns(analysis.terms, i, scope, stats.documents, known); !added) return added;
    }
    choose(std::move(known), stats.documents);
    return {};
}

void LexicalArm::choose(std::vector<PlannedTerm> known, uint64_t documents) {
    std::stable_sort(known.begin(), known.end(), [](const auto& a, const auto& b) { return a.df < b.df; });
    uint64_t spent = 0;
    for (PlannedTerm& term : known) {
        const bool common =
            static_cast<double>(term.df) > options_.common_share * static_cast<double>(documents) && documents > 1000;
        const bool dear = spent + term.df > options_.posting_budget;
        if (!plan_.terms.empty() && (common || dear)) {
            plan_.dropped.push_back({term.text, common ? DroppedTerm::Reason::TooCommon : DroppedTerm::Reason::TooDear});
            continue;
        }
        spent += term.df;
        plan_.terms.push_back(std::move(term));
    }
    // Stand-ins come last: they do not speak for a session as a whole.
    const auto own = std::stable_partition(plan_.terms.begin(), plan_.terms.end(),
                                           [](const PlannedTerm& term) { return term.stands_for.empty(); });
    plan_.own_terms = static_cast<size_t>(own - plan_.terms.begin());
}

// For a term that no memory has; it is dropped if nothing stands in for it.
Result<void> LexicalArm::addStandIns(const std::vector<Term>& asked, size_t i, const engram_scope& scope, uint64_t documents,
                                     std::vector<PlannedTerm>& known) {
    auto found = standInsFor(storage_, view_, call_, scope, asked[i].text);
    if (!found) return found.error();
    if (found->empty()) plan_.dropped.push_back({asked[i].text, DroppedTerm::Reason::Unknown});
    for (StandIn& one : *found) {
        auto is = [&](const auto& term) { return term.text == one.term; };
        if (std::any_of(asked.begin(), asked.end(), is) || std::any_of(known.begin(), known.end(), is)) continue;
        known.push_back({one.term, one.df, one.weight() * inverseFrequency(documents, one.df), asked[i].text, one.distance});
    }
    return {};
}

Result<void> LexicalArm::match(const engram_scope& scope, Candidates& candidates) {
    if (plan_.terms.empty()) return {};
    std::vector<engram_str> terms;
    std::vector<double> weights;
    for (const PlannedTerm& term : plan_.terms) {
        terms.push_back(borrow(term.text));
        weights.push_back(term.idf);
    }
    matches_.clear();
    tf_.clear();
    const auto push = [](void* ctx, const engram_posting* postings, size_t n) -> engram_status {
        for (size_t i = 0; i < n; ++i) static_cast<LexicalArm*>(ctx)->score(postings[i]);
        return ENGRAM_OK;
    };
    const engram_postings sink = {sizeof(engram_postings), 0, this, push};
    const engram_ranking ranking = {sizeof(engram_ranking), static_cast<uint32_t>(options_.candidates), options_.k1,
                                    options_.b, plan_.average_length, weights.data()};
    const engram_storage_v1* table = storage_.table;
    const bool prunes = ENGRAM_HAS(engram_storage_v1, table, match_best) && table->match_best;
    const engram_status status =
        prunes ? table->match_best(storage_.self, call_, view_.handle(), &scope, terms.data(), terms.size(), &ranking, &sink)
               : table->match(storage_.self, call_, view_.handle(), &scope, terms.data(), terms.size(), &sink);
    if (status != ENGRAM_OK) return storageError(status, call_);
    keepBest(candidates);
    return {};
}

double LexicalArm::termScore(const PlannedTerm& term, uint32_t tf, uint32_t length) const {
    return Bm25{options_.k1, options_.b, plan_.average_length}.share(term.idf, tf, length);
}

void LexicalArm::score(const engram_posting& posting) {
    double sum = 0;
    for (size_t t = 0; t < plan_.terms.size(); ++t) sum += termScore(plan_.terms[t], posting.tf[t], posting.length);
    matches_.push_back({sum, posting.rid, posting.length, tf_.size()});
    tf_.insert(tf_.end(), posting.tf, posting.tf + plan_.terms.size());
}

// Ties go to the older record.
void LexicalArm::keepBest(Candidates& candidates) {
    if (matches_.size() > options_.candidates) {
        std::nth_element(matches_.begin(), matches_.begin() + static_cast<std::ptrdiff_t>(options_.candidates), matches_.end(),
                         [](const auto& a, const auto& b) { return a.bm25 != b.bm25 ? a.bm25 > b.bm25 : a.rid < b.rid; });
        matches_.resize(options_.candidates);
    }
    for (const Match& match : matches_) {
        Candidate& candidate = candidates[match.rid];
        candidate.bm25 = match.bm25;
        candidate.length = match.length;
        const auto tf = tf_.begin() + static_cast<std::ptrdiff_t>(match.tf);
        candidate.tf.assign(tf, tf + static_cast<std::ptrdiff_t>(plan_.terms.size()));
    }
}

}  // namespace engram::engine
