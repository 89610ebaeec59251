// Search: what is asked for, what is found, and how the score came about. Values.
#pragma once

#include "engine/analysis.hpp"
#include "engine/filter.hpp"
#include "engine/memory.hpp"
#include "engine/storage.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace engram::engine {

// Most deployments leave these alone; tests/bench/recall measures what a change does.
struct SearchOptions {
    // BM25 (Robertson and Zaragoza, 2009). Memories are short, so their length says little: b is low. Both it and the
    // weight were chosen with tests/bench/recall; the built-in embedder mostly breaks ties and finds what no term does.
    double k1 = 1.2, b = 0.3;
    double vector_weight = 0.10;      // of the vector arm beside the lexical one, both scaled to 0..1
    size_t candidates = 200;          // of each arm
    size_t max_terms = 32;            // of a query
    uint64_t posting_budget = 20000;  // sum of the document frequencies that a query may touch
    double common_share = 0.2;        // a term in more records than this share says too little
};

struct SearchQuery {
    enum class Mode { Hybrid, Lexical, Vector };
    enum class Explain { No, Yes };
    std::string text;
    std::vector<std::string> workspaces;  // none = all
    Filter filter;
    uint32_t limit = 10;  // 1 to 100
    Mode mode = Mode::Hybrid;
    Explain explain = Explain::No;
};

struct TermScore {
    std::string term;
    uint64_t df = 0;
    uint32_t tf = 0;
    double idf = 0, score = 0;
};

struct Hit {
    Memory memory;
    double score = 0;
    double lexical = 0, vector = 0;  // the arms' parts of the score
    double bm25 = 0, similarity = 0; // before scaling
    std::vector<TermScore> terms;    // with Explain::Yes
    std::vector<std::string> dropped_terms;

    std::string explainJson() const;
};

struct SearchAnswer {
    std::vector<Hit> hits;  // best first
    uint64_t lsn = 0;
};

// Runs a query on a view. `space` 0 = no vector arm. Deterministic: the same view, query and time give the same answer.
Result<SearchAnswer> runSearch(const StorageBinding& storage, const EmbedBinding& embed, const View& view,
                               ArenaCall& call, uint32_t space, uint32_t dimensions, const SearchOptions& options,
                               const SearchQuery& query, int64_t now);

}  // namespace engram::engine
