// What a memory's own worth makes of its score: how important its owner calls it, and how fresh it is. Pure; any thread.
#pragma once

#include <engram/record.h>

#include <cstddef>
#include <cstdint>

namespace engram::engine {

// Both are small beside what the words say: they decide between memories that fit about equally well.
struct WeightOptions {
    double importance = 0.15;  // 0 to 1; a memory of importance 0 scores so much less, of 1 so much more, of 0.5 as it is
    double recency = 0.1;      // 0 to 1; what happens now scores so much more
    int64_t half_life = 30LL * 86400 * 1000;  // milliseconds after which the latter is half
    size_t most = 200;         // best candidates that are weighed

    // A candidate whose score is below this share of another's cannot overtake it.
    double reach() const { return (1 - importance) / ((1 + importance) * (1 + recency)); }
};

struct Weight {
    double importance = 1, recency = 1;  // factors
};

// Fresh is what occurred lately, or was stored lately if that is not known; what is pinned does not age. A change makes nothing
// fresh: a tag or a word of feedback is no news.
Weight weightOf(const engram_record& record, const WeightOptions& options, int64_t now);

}  // namespace engram::engine
