// What a search as a whole did, beside how each score came about: its terms, what it left out, what each arm brought and
// how long it took. Values; any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace engram::engine {

struct DroppedTerm {
    enum class Reason {
        StopWord,   // it says nothing in a question
        Unknown,    // no memory has it, nor one that could stand in for it
        TooCommon,  // too many memories have it
        TooDear,    // the rarer terms have used the budget of postings
        TooMany     // beyond the terms that a query may have
    };
    std::string term;
    Reason reason;
};

struct UsedTerm {
    std::string term;
    uint64_t df = 0;
    double idf = 0;
    std::string stands_for{};
};

struct Explanation {
    std::vector<UsedTerm> terms;
    std::vector<DroppedTerm> dropped;
    // Candidates that a part brought: "lexical", "vector", "neighbours" (only those speak for them), "all".
    std::vector<std::pair<std::string, uint64_t>> candidates;
    // Microseconds by the host's steady clock, in the order in which the parts ran.
    std::vector<std::pair<std::string, uint64_t>> microseconds;

    std::string json() const;
};

// Adds how long a part took, when it ends.
class Timed {
public:
    Timed(Explanation& into, std::string part) : into_(into), part_(std::move(part)) {}
    Timed(const Timed&) = delete;
    ~Timed() {
        const auto took = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - began_);
        into_.microseconds.emplace_back(std::move(part_), static_cast<uint64_t>(took.count()));
    }

private:
    Explanation& into_;
    std::string part_;
    const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
};

}  // namespace engram::engine
