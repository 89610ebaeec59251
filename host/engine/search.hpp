// Search: what is asked for, what is found, and how the score came about. Values.
#pragma once

#include "engine/analysis.hpp"
#include "engine/context.hpp"
#include "engine/explanation.hpp"
#include "engine/filter.hpp"
#include "engine/memory.hpp"
#include "engine/storage.hpp"
#include "engine/weight.hpp"
#include "engine/why_not.hpp"

#include <cstdint>
#include <optional>
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
    // A memory of a time that the query names, or of the month after it, since people tell of things afterwards: its score
    // times this. Context and dates were chosen with tests/bench/tune_recall: fitted on two conversations, tried on the third.
    double date_factor = 1.6;
    ContextOptions context;
    WeightOptions weight;
};

// How much a part of the score counts in one search, instead of what SearchOptions says; see there.
struct SearchWeights {
    std::optional<double> vector;      // 0 to 10: of the vector arm beside the lexical one
    std::optional<double> session;     // 0 to 10: what the session that fits best adds
    std::optional<double> dates;       // 0 to 10: what a time that the query names adds
    std::optional<double> importance, recency;  // 0 to 1
    std::optional<int64_t> half_life;           // milliseconds, above 0

    SearchOptions over(SearchOptions options) const;
};

struct SearchQuery {
    enum class Mode { Hybrid, Lexical, Vector };
    enum class Explain { No, Yes };
    enum class Context { Session, None };  // may the memories of a session lend each other score?
    enum class Dates { Favour, Ignore };   // that the text names
    enum class Fuzzy { Auto, Off };        // do similar words stand in for one that no memory has?
    std::string text;
    std::vector<std::string> workspaces;  // none = all
    Filter filter;
    uint32_t limit = 10;  // 1 to 100
    Mode mode = Mode::Hybrid;
    Explain explain = Explain::No;
    Context context = Context::Session;
    Dates dates = Dates::Favour;
    Fuzzy fuzzy = Fuzzy::Auto;
    // The past: as it was at an LSN, or at a time (milliseconds), which is then the time of the search too. At most one.
    std::optional<uint64_t> as_of_lsn;
    std::optional<int64_t> as_of_time;
    // What holds in the world at that time, as far as memories say since when or until when they hold (milliseconds).
    std::optional<int64_t> valid_at;
    SearchWeights weights;
    std::string cursor;           // of the page before
    std::optional<Uuid> why_not;  // say what kept this memory out
};

struct TermScore {
    std::string term;
    uint64_t df = 0;
    uint32_t tf = 0;
    double idf = 0, score = 0;  // idf: times the weight of a stand-in
    std::string stands_for{};   // a term of the query that no memory has; empty: it is itself of the query
    uint32_t distance = 0;
};

struct Hit {
    Memory memory;
    double score = 0;
    double lexical = 0, vector = 0;   // the arms' parts of the score
    double bm25 = 0, similarity = 0;  // before scaling
    // score = (lexical + vector + neighbours) * session * date * importance * recency
    double neighbours = 0, session = 1, date = 1, importance = 1, recency = 1;
    std::vector<TermScore> terms;    // with Explain::Yes
    std::vector<std::string> dropped_terms;

    std::string explainJson() const;
};

// An arm of a search that did not see everything, or took no part at all.
struct Incomplete {
    enum class Reason {
        Pending,     // memories wait for their vectors: they were found by their words alone
        Failed,      // the embedder did not answer, or not in time: the arm took no part
        NoEmbedder   // none of the configuration has the model of the tenant's vectors: the arm took no part
    };
    std::string arm;  // "vector"
    Reason reason = Reason::Pending;
    uint64_t pending = 0;  // memories
    std::string detail{};
};

// A place in the results of a search: later pages are of the same view, time and vectors, so that they continue it.
struct SearchPage {
    std::string mark;           // of the tenant and the query
    uint64_t lsn = 0;
    int64_t now = 0;
    uint64_t first = 0, all = 0;  // results before this page; of the whole search
    uint32_t space = 0;

    // The cursor of the page that begins after the first `n` results of this one; empty: there are no more.
    std::string after(size_t n) const;
};

// What the vector arm compares with. `space` 0: it takes no part, which `incomplete` explains unless it was not asked for.
struct QueryVector {
    uint32_t space = 0;
    std::vector<float> values{};
    std::vector<Incomplete> incomplete{};
};

struct SearchAnswer {
    std::vector<Hit> hits;  // best first
    uint64_t lsn = 0;
    SearchPage page{};
    std::vector<Incomplete> incomplete{};
    std::optional<Explanation> explanation{};  // with Explain::Yes
    std::optional<WhyNot> why_not{};           // if asked for
};

// Runs a query on a view, from its result number `first` on. Deterministic: the same view, query, vector and time give the
// same answer.
Result<SearchAnswer> runSearch(const StorageBinding& storage, const View& view, ArenaCall& call, const QueryVector& vector,
                               const SearchOptions& options, const SearchQuery& query, int64_t now, uint64_t first);

// What a cursor of this query is marked with.
std::string searchMark(const std::string& tenant, const SearchQuery& query);
// The place that a cursor names; nothing if it is empty. invalid_cursor for one with another mark.
Result<std::optional<SearchPage>> readSearchCursor(const std::string& cursor, const std::string& mark);

}  // namespace engram::engine
