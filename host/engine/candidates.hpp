// What a search may answer, while it is being scored. Values.
#pragma once

#include <algorithm>
#include <cstdint>
#include <unordered_map>
#include <utility>
#include <vector>

namespace engram::engine {

struct Candidate {
    double bm25 = 0, similarity = 0;  // as the arms found them
    double lexical = 0, vector = 0;   // the arms' parts of the score
    double neighbours = 0;            // lent by the memories before and after it in its session
    double session = 1, date = 1;     // factors: its session fits the query; it is of a time that the query names
    double importance = 1, recency = 1;  // see weight.hpp
    uint32_t length = 0;              // in terms, if a term of the query is in it
    std::vector<uint32_t> tf;         // by term of the plan

    double own() const { return lexical + vector; }
    double score() const { return (own() + neighbours) * session * date * importance * recency; }
};

using Candidates = std::unordered_map<uint64_t, Candidate>;  // by rid

// The `most` best, best first; ties go to the older record.
template <class Score>
std::vector<uint64_t> bestOf(const Candidates& candidates, size_t most, Score score) {
    std::vector<std::pair<double, uint64_t>> ranked;
    ranked.reserve(candidates.size());
    for (const auto& [rid, candidate] : candidates) ranked.emplace_back(-score(candidate), rid);
    const size_t keep = std::min(most, ranked.size());
    std::partial_sort(ranked.begin(), ranked.begin() + static_cast<std::ptrdiff_t>(keep), ranked.end());
    std::vector<uint64_t> best;
    for (size_t i = 0; i < keep; ++i) best.push_back(ranked[i].second);
    return best;
}

}  // namespace engram::engine
