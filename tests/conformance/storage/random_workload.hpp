// Random batches and questions, the same for the same seed on every machine. They collide on purpose: few
// ids, few names, few words, so that conflicts, ties and empty answers are common.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "store.hpp"

namespace engram::conformance {

class RandomWorkload {
public:
    static constexpr uint64_t kIds = 24;
    static constexpr uint32_t kDimensions = 8;

    // `space` is the vector space that records have vectors in.
    RandomWorkload(uint64_t seed, uint32_t space) : random_(seed), space_(space) {}

    std::vector<Batch> batches();
    Scope scope();
    Listing listing();
    std::vector<std::string> words();
    std::vector<float> vector();
    Id id() { return idOf(1 + below(kIds)); }
    uint64_t below(uint64_t n) { return random_() % n; }

private:
    bool chance(uint64_t percent) { return below(100) < percent; }
    template <class T>
    const T& pick(const std::vector<T>& from) {
        return from[below(from.size())];
    }
    engram_time time();
    Record record();
    Edge edge();
    Op op();
    Batch batch();
    void spoil(Op& op);
    Value value(uint32_t field);
    Value piece(Value whole);
    Condition leaf();
    Condition condition(unsigned depth);

    std::mt19937_64 random_;
    uint32_t space_;
    engram_time now_ = 1000;
};

}  // namespace engram::conformance
