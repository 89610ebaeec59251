#include "engine/context.hpp"

#include "support/test.hpp"

#include <cmath>

using namespace engram::engine;

namespace {

const engram::Bm25 kBm25{1.2, 0.3, 1};

bool near(double a, double b) { return std::fabs(a - b) < 1e-9; }

Candidate candidate(double lexical, std::vector<uint32_t> tf = {}) {
    Candidate out;
    out.lexical = lexical;
    out.tf = std::move(tf);
    return out;
}

}  // namespace

TEST("a memory lends its score to the two before and the two after it, by distance") {
    Candidates candidates;
    candidates[30] = candidate(1);
    ContextOptions options;
    lendInSessions({{{10, 20, 30, 40, 50, 60}, 60}}, 0, options, kBm25, candidates);
    CHECK(!candidates.contains(60));
    CHECK(near(options.second, candidates.at(10).neighbours) && near(options.next, candidates.at(20).neighbours));
    CHECK(near(0, candidates.at(30).neighbours));
    CHECK(near(options.next, candidates.at(40).neighbours) && near(options.second, candidates.at(50).neighbours));
    CHECK(near(options.next, candidates.at(40).score()));
}

TEST("nothing is lent from one session to another") {
    Candidates candidates;
    candidates[1] = candidate(1);
    candidates[2] = candidate(0.5);
    lendInSessions({{{1}, 5}, {{2, 3}, 5}}, 0, {}, kBm25, candidates);
    CHECK(near(0, candidates.at(1).neighbours) && near(0, candidates.at(2).neighbours));
    CHECK(candidates.at(3).neighbours > 0);
}

TEST("the session that has more of the query's words lifts its memories more") {
    Candidates candidates;
    candidates[1] = candidate(0.5, {1, 0});
    candidates[2] = candidate(0.5, {0, 1});
    candidates[9] = candidate(0.5, {1, 0});
    ContextOptions options;
    options.next = options.second = 0;
    lendInSessions({{{1, 2}, 20}, {{9}, 20}}, 2, options, kBm25, candidates);
    CHECK(near(1 + options.session, candidates.at(1).session));
    CHECK(near(candidates.at(1).session, candidates.at(2).session));
    CHECK(candidates.at(9).session > 1 && candidates.at(9).session < candidates.at(1).session);
}

TEST("without words no session fits better than another") {
    Candidates candidates;
    candidates[1] = candidate(0.5);
    lendInSessions({{{1, 2}, 0}}, 0, {}, kBm25, candidates);
    CHECK(near(1, candidates.at(1).session));
    CHECK(near(0.5, candidates.at(1).score()));
}

TEST("the best are those with the highest score, ties by age") {
    Candidates candidates;
    candidates[3] = candidate(0.5);
    candidates[1] = candidate(0.5);
    candidates[2] = candidate(0.9);
    auto score = [](const Candidate& c) { return c.score(); };
    CHECK((bestOf(candidates, 2, score) == std::vector<uint64_t>{2, 1}));
    CHECK((bestOf(candidates, 9, score) == std::vector<uint64_t>{2, 1, 3}));
    CHECK(bestOf(Candidates(), 2, score).empty());
}
