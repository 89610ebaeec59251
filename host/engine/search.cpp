#include "engine/search.hpp"

#include "engine/prepared.hpp"
#include "json/json.hpp"

#include <engram/cpp/text.hpp>

#include <algorithm>
#include <cmath>
#include <unordered_map>

namespace engram::engine {
namespace {

struct PlannedTerm {
    std::string text;
    uint64_t df = 0;
    double idf = 0;
};

struct Plan {
    std::vector<PlannedTerm> terms;
    std::vector<std::string> dropped;
    double average_length = 1;
};

struct Candidate {
    double bm25 = 0, similarity = 0;
    uint32_t length = 0;
    std::vector<uint32_t> tf;
};

using Candidates = std::unordered_map<uint64_t, Candidate>;

// BM25's inverse document frequency, never negative (Lucene's form).
double idfOf(uint64_t documents, uint64_t df) {
    return std::log(1.0 + (static_cast<double>(documents) - static_cast<double>(df) + 0.5) /
                              (static_cast<double>(df) + 0.5));
}

class Search {
public:
    Search(const StorageBinding& storage, const EmbedBinding& embed, const View& view, ArenaCall& call,
           const SearchOptions& options, const SearchQuery& query, int64_t now)
        : storage_(storage), embed_(embed), view_(view), call_(call), options_(options), query_(query),
          filter_(withExpiry(query.filter, now)), lowered_(filter_) {
        for (const std::string& workspace : query.workspaces) workspaces_.push_back(borrow(workspace));
        scope_ = {sizeof(engram_scope), ENGRAM_KIND_MEMORY, workspaces_.data(), workspaces_.size(), lowered_.abi()};
    }

    Result<SearchAnswer> run(uint32_t space, uint32_t dimensions) {
        const bool lexical = query_.mode != SearchQuery::Mode::Vector;
        const bool vector = query_.mode != SearchQuery::Mode::Lexical && space != 0;
        if (lexical) {
            if (auto planned = plan(); !planned) return planned.error();
            if (auto matched = match(); !matched) return matched.error();
        }
        if (vector)
            if (auto found = nearest(space, dimensions); !found) return found.error();
        return answer();
    }

private:
    static Filter withExpiry(Filter filter, int64_t now) {
        filter.require(notExpired(now));
        return filter;
    }

    // Rare terms first, as many as the budget of postings allows; common ones only if nothing else is there.
    Result<void> plan() {
        Analysis analysis = analyseQuery(query_.text);
        if (analysis.terms.size() > options_.max_terms) analysis.terms.resize(options_.max_terms);
        if (analysis.terms.empty()) return {};
        std::vector<engram_str> terms;
        for (const Term& term : analysis.terms) terms.push_back(borrow(term.text));
        std::vector<uint64_t> df(terms.size());
        engram_term_stats stats{};
        stats.size = sizeof stats;
        const engram_status status = storage_.table->terms(storage_.self, call_, view_.handle(), &scope_, terms.data(),
                                                           terms.size(), df.data(), &stats);
        if (status != ENGRAM_OK) return storageError(status, call_);
        plan_.average_length =
            stats.documents ? std::max(1.0, static_cast<double>(stats.total_length) / static_cast<double>(stats.documents))
                            : 1.0;
        std::vector<PlannedTerm> known;
        for (size_t i = 0; i < terms.size(); ++i)
            if (df[i] > 0) known.push_back({analysis.terms[i].text, df[i], idfOf(stats.documents, df[i])});
            else plan_.dropped.push_back(analysis.terms[i].text);
        std::stable_sort(known.begin(), known.end(), [](const auto& a, const auto& b) { return a.df < b.df; });
        uint64_t spent = 0;
        for (PlannedTerm& term : known) {
            const bool common = static_cast<double>(term.df) > options_.common_share * static_cast<double>(stats.documents) &&
                                stats.documents > 1000;
            const bool dear = spent + term.df > options_.posting_budget;
            if (!plan_.terms.empty() && (common || dear)) {
                plan_.dropped.push_back(term.text);
                continue;
            }
            spent += term.df;
            plan_.terms.push_back(std::move(term));
        }
        return {};
    }

    Result<void> match() {
        if (plan_.terms.empty()) return {};
        std::vector<engram_str> terms;
        for (const PlannedTerm& term : plan_.terms) terms.push_back(borrow(term.text));
        const engram_postings sink = {sizeof(engram_postings), 0, this, &Search::pushPostings};
        const engram_status status =
            storage_.table->match(storage_.self, call_, view_.handle(), &scope_, terms.data(), terms.size(), &sink);
        if (status != ENGRAM_OK) return storageError(status, call_);
        keepBest();
        return {};
    }

    static engram_status pushPostings(void* ctx, const engram_posting* postings, size_t n) {
        auto& self = *static_cast<Search*>(ctx);
        for (size_t i = 0; i < n; ++i) self.score(postings[i]);
        return ENGRAM_OK;
    }

    double termScore(const PlannedTerm& term, uint32_t tf, uint32_t length) const {
        if (tf == 0) return 0;
        const double norm = options_.k1 * (1 - options_.b + options_.b * length / plan_.average_length);
        return term.idf * tf * (options_.k1 + 1) / (tf + norm);
    }

    void score(const engram_posting& posting) {
        double sum = 0;
        for (size_t t = 0; t < plan_.terms.size(); ++t) sum += termScore(plan_.terms[t], posting.tf[t], posting.length);
        Candidate& candidate = candidates_[posting.rid];
        candidate.bm25 = sum;
        candidate.length = posting.length;
        if (query_.explain == SearchQuery::Explain::Yes) candidate.tf.assign(posting.tf, posting.tf + plan_.terms.size());
    }

    // The lexical arm's best; ties go to the older record.
    void keepBest() {
        if (candidates_.size() <= options_.candidates) return;
        std::vector<std::pair<double, uint64_t>> ranked;
        for (const auto& [rid, candidate] : candidates_) ranked.emplace_back(-candidate.bm25, rid);
        std::nth_element(ranked.begin(), ranked.begin() + static_cast<std::ptrdiff_t>(options_.candidates), ranked.end());
        for (size_t i = options_.candidates; i < ranked.size(); ++i) candidates_.erase(ranked[i].second);
    }

    Result<void> nearest(uint32_t space, uint32_t dimensions) {
        std::vector<float> vector(dimensions);
        const engram_str text = borrow(query_.text);
        engram_status status =
            embed_.table->embed(embed_.self, call_, ENGRAM_EMBED_QUERY, &text, 1, vector.data(), nullptr);
        if (status != ENGRAM_OK) return Error{"unavailable", "the embedder does not answer", "", ""};
        std::vector<engram_neighbour> found(options_.candidates);
        size_t n = 0;
        status = storage_.table->nearest(storage_.self, call_, view_.handle(), &scope_, space, vector.data(),
                                         static_cast<uint32_t>(found.size()), found.data(), &n);
        if (status != ENGRAM_OK) return storageError(status, call_);
        for (size_t i = 0; i < n; ++i)
            if (found[i].similarity > 0) candidates_[found[i].rid].similarity = found[i].similarity;
        return {};
    }

    // Both arms scaled by their best candidate, then added with their weights.
    std::vector<Hit> fuse(std::vector<uint64_t>& rids) {
        double best_bm25 = 0, best_similarity = 0;
        for (const auto& [rid, candidate] : candidates_) {
            best_bm25 = std::max(best_bm25, candidate.bm25);
            best_similarity = std::max(best_similarity, candidate.similarity);
        }
        const double vector_weight = query_.mode == SearchQuery::Mode::Vector ? 1.0 : options_.vector_weight;
        std::vector<std::pair<Hit, uint64_t>> ranked;
        for (const auto& [rid, candidate] : candidates_) {
            Hit hit;
            hit.bm25 = candidate.bm25;
            hit.similarity = candidate.similarity;
            hit.lexical = best_bm25 > 0 ? candidate.bm25 / best_bm25 : 0;
            hit.vector = best_similarity > 0 ? vector_weight * candidate.similarity / best_similarity : 0;
            hit.score = hit.lexical + hit.vector;
            ranked.emplace_back(std::move(hit), rid);
        }
        const size_t keep = std::min<size_t>(ranked.size(), query_.limit);
        std::partial_sort(ranked.begin(), ranked.begin() + static_cast<std::ptrdiff_t>(keep), ranked.end(),
                          [](const auto& a, const auto& b) {
                              return a.first.score != b.first.score ? a.first.score > b.first.score : a.second < b.second;
                          });
        std::vector<Hit> hits;
        for (size_t i = 0; i < keep; ++i) {
            hits.push_back(std::move(ranked[i].first));
            rids.push_back(ranked[i].second);
        }
        return hits;
    }

    Result<SearchAnswer> answer() {
        SearchAnswer answer;
        answer.lsn = view_.lsn();
        std::vector<uint64_t> rids;
        answer.hits = fuse(rids);
        std::vector<engram_ref> refs(rids.size());
        for (size_t i = 0; i < rids.size(); ++i) {
            refs[i].by = ENGRAM_BY_RID;
            refs[i].rid = rids[i];
        }
        struct Fill {
            std::vector<Hit>& hits;
            std::vector<char> seen;
        } fill{answer.hits, std::vector<char>(rids.size(), 0)};
        auto push = [](void* ctx, size_t index, const engram_record* record) -> engram_status {
            auto& into = *static_cast<Fill*>(ctx);
            into.hits[index].memory = memoryOf(*record);
            into.seen[index] = 1;
            return ENGRAM_OK;
        };
        const engram_rows rows = {sizeof(engram_rows), 0, &fill, push};
        const engram_status status = storage_.table->get(storage_.self, call_, view_.handle(), refs.data(), refs.size(),
                                                         ENGRAM_WANT_TEXT | ENGRAM_WANT_METADATA, &rows);
        if (status != ENGRAM_OK) return storageError(status, call_);
        if (query_.explain == SearchQuery::Explain::Yes)
            for (size_t i = 0; i < rids.size(); ++i) explain(answer.hits[i], candidates_[rids[i]]);
        for (size_t i = rids.size(); i-- > 0;)
            if (!fill.seen[i]) answer.hits.erase(answer.hits.begin() + static_cast<std::ptrdiff_t>(i));
        return answer;
    }

    void explain(Hit& hit, const Candidate& candidate) const {
        for (size_t t = 0; t < candidate.tf.size(); ++t) {
            if (candidate.tf[t] == 0) continue;
            const PlannedTerm& term = plan_.terms[t];
            hit.terms.push_back({term.text, term.df, candidate.tf[t], term.idf,
                                 termScore(term, candidate.tf[t], candidate.length)});
        }
        hit.dropped_terms = plan_.dropped;
    }

    const StorageBinding& storage_;
    const EmbedBinding& embed_;
    const View& view_;
    ArenaCall& call_;
    const SearchOptions& options_;
    const SearchQuery& query_;
    Filter filter_;
    LoweredFilter lowered_;
    std::vector<engram_str> workspaces_;
    engram_scope scope_{};
    Plan plan_;
    Candidates candidates_;
};

void number(json::Writer& out, const char* name, double value) {
    out.Key(name);
    out.Double(value);
}

void text(json::Writer& out, const std::string& value) {
    out.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
}

}  // namespace

std::string Hit::explainJson() const {
    json::Buffer buffer;
    json::Writer out(buffer);
    out.StartObject();
    number(out, "score", score);
    number(out, "lexical", lexical);
    number(out, "bm25", bm25);
    out.Key("terms");
    out.StartArray();
    for (const TermScore& term : terms) {
        out.StartObject();
        out.Key("term");
        text(out, term.term);
        out.Key("df");
        out.Uint64(term.df);
        out.Key("tf");
        out.Uint(term.tf);
        number(out, "idf", term.idf);
        number(out, "score", term.score);
        out.EndObject();
    }
    out.EndArray();
    out.Key("dropped_terms");
    out.StartArray();
    for (const std::string& term : dropped_terms) text(out, term);
    out.EndArray();
    number(out, "vector", vector);
    number(out, "similarity", similarity);
    out.EndObject();
    return {buffer.GetString(), buffer.GetSize()};
}

Result<SearchAnswer> runSearch(const StorageBinding& storage, const EmbedBinding& embed, const View& view,
                               ArenaCall& call, uint32_t space, uint32_t dimensions, const SearchOptions& options,
                               const SearchQuery& query, int64_t now) {
    return Search(storage, embed, view, call, options, query, now).run(space, dimensions);
}

}  // namespace engram::engine
