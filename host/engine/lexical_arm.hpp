// The lexical arm of a search: which terms a query is looked for by, and the records that match them best (BM25).
#pragma once

#include "engine/analysis.hpp"
#include "engine/candidates.hpp"
#include "engine/explanation.hpp"
#include "engine/storage.hpp"

#include <engram/cpp/result.hpp>
#include <engram/storage.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace engram::engine {

struct SearchOptions;

struct PlannedTerm {
    std::string text;
    uint64_t df = 0;
    double idf = 0;
    std::string stands_for{};  // see TermScore
    uint32_t distance = 0;
};

struct Plan {
    std::vector<PlannedTerm> terms;
    size_t own_terms = 0;  // the first of them are of the query itself
    std::vector<DroppedTerm> dropped;
    double average_length = 1;
};

// Of one search; borrows all that it is made with. One thread.
class LexicalArm {
public:
    enum class StandIns { Allowed, None };

    LexicalArm(const StorageBinding& storage, const View& view, ArenaCall& call, const SearchOptions& options)
        : storage_(storage), view_(view), call_(call), options_(options) {}

    // Rare terms first, as many as the budget of postings allows; common ones only if nothing else is there.
    Result<void> plan(std::string_view text, const engram_scope& scope, StandIns stand_ins);
    // Adds the best of a scope. Storage may leave out what is not among them; the rest is left out here.
    Result<void> match(const engram_scope& scope, Candidates& candidates);

    const Plan& planned() const { return plan_; }
    double termScore(const PlannedTerm& term, uint32_t tf, uint32_t length) const;

private:
    // Matches as they come from storage: the term frequencies of all stand in one array.
    struct Match {
        double bm25;
        uint64_t rid;
        uint32_t length;
        size_t tf;  // where its own begin
    };

    Result<void> addStandIns(const std::vector<Term>& asked, size_t i, const engram_scope& scope, uint64_t documents,
                             std::vector<PlannedTerm>& known);
    void choose(std::vector<PlannedTerm> known, uint64_t documents);
    void score(const engram_posting& posting);
    void keepBest(Candidates& candidates);

    const StorageBinding& storage_;
    const View& view_;
    ArenaCall& call_;
    const SearchOptions& options_;
    Plan plan_;
    std::vector<Match> matches_;
    std::vector<uint32_t> tf_;
};

}  // namespace engram::engine
