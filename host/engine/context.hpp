// What the memories of a session lend each other: an answer often stands beside the words that a question shares with a
// conversation, not among them. Pure; any thread.
#pragma once

#include "engine/candidates.hpp"

#include <engram/cpp/bm25.hpp>

#include <cstdint>
#include <vector>

namespace engram::engine {

struct ContextOptions {
    double next = 0.4, second = 0.2;  // shares of the scores one and two places away, before and after
    double session = 1.0;             // what the session that fits best adds to its memories' scores, as a factor
    size_t heads = 25;                // best candidates whose sessions are looked at
    uint64_t memories = 5000;         // of all those sessions together; the sessions that come last are left out
};

// A session's memories as they were written; a memory without a session is one of its own.
struct SessionRecords {
    std::vector<uint64_t> rids;
    uint64_t length = 0;  // of all, in terms
};

double inverseFrequency(uint64_t documents, uint64_t df);

// Sets `neighbours` and `session` of the sessions' memories; one that only its neighbours speak for becomes a candidate.
// A session's fit is BM25 over the sessions, each as one text, with `bm25`'s k1 and b and the query's `n_terms` terms.
void lendInSessions(const std::vector<SessionRecords>& sessions, size_t n_terms, const ContextOptions& options,
                    const Bm25& bm25, Candidates& candidates);

}  // namespace engram::engine
