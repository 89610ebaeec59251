#include "engine/context.hpp"

#include <cmath>

namespace engram::engine {
namespace {

constexpr size_t kReach = 2;  // places before and after

using Counts = std::vector<uint32_t>;  // by term

Counts countsOf(const SessionRecords& session, size_t n_terms, const Candidates& candidates) {
    Counts counts(n_terms, 0);
    for (const uint64_t rid : session.rids) {
        const auto it = candidates.find(rid);
        if (it == candidates.end()) continue;
        for (size_t t = 0; t < it->second.tf.size() && t < n_terms; ++t) counts[t] += it->second.tf[t];
    }
    return counts;
}

// How well each session fits the query: 1 the best, 0 not at all.
std::vector<double> fits(const std::vector<SessionRecords>& sessions, size_t n_terms, const Bm25& record_bm25,
                         const Candidates& candidates) {
    std::vector<Counts> counts;
    std::vector<uint64_t> df(n_terms, 0);
    double length = 0;
    for (const SessionRecords& session : sessions) {
        counts.push_back(countsOf(session, n_terms, candidates));
        for (size_t t = 0; t < n_terms; ++t) df[t] += counts.back()[t] > 0 ? 1 : 0;
        length += static_cast<double>(session.length);
    }
    const Bm25 bm25{record_bm25.k1, record_bm25.b, std::max(1.0, length / static_cast<double>(sessions.size()))};
    std::vector<double> fit(sessions.size(), 0);
    double best = 0;
    for (size_t s = 0; s < sessions.size(); ++s) {
        for (size_t t = 0; t < n_terms; ++t)
            fit[s] += bm25.share(inverseFrequency(sessions.size(), df[t]), counts[s][t],
                                 static_cast<uint32_t>(std::min<uint64_t>(sessions[s].length, UINT32_MAX)));
        best = std::max(best, fit[s]);
    }
    for (double& f : fit) f = best > 0 ? f / best : 0;
    return fit;
}

}  // namespace

// Lucene's form, never negative.
double inverseFrequency(uint64_t documents, uint64_t df) {
    return std::log(1.0 + (static_cast<double>(documents) - static_cast<double>(df) + 0.5) /
                              (static_cast<double>(df) + 0.5));
}

void lendInSessions(const std::vector<SessionRecords>& sessions, size_t n_terms, const ContextOptions& options,
                    const Bm25& bm25, Candidates& candidates) {
    const std::vector<double> fit = fits(sessions, n_terms, bm25, candidates);
    const double shares[kReach] = {options.next, options.second};
    for (size_t s = 0; s < sessions.size(); ++s) {
        const std::vector<uint64_t>& rids = sessions[s].rids;
        std::vector<double> own;
        for (const uint64_t rid : rids) {
            const auto it = candidates.find(rid);
            own.push_back(it == candidates.end() ? 0 : it->second.own());
        }
        for (size_t i = 0; i < rids.size(); ++i) {
            double lent = 0;
            for (size_t away = 1; away <= kReach; ++away) {
                if (i >= away) lent += shares[away - 1] * own[i - away];
                if (i + away < own.size()) lent += shares[away - 1] * own[i + away];
            }
            if (own[i] == 0 && lent == 0) continue;
            Candidate& candidate = candidates[rids[i]];
            candidate.neighbours = lent;
            candidate.session = 1 + options.session * fit[s];
        }
    }
}

}  // namespace engram::engine
