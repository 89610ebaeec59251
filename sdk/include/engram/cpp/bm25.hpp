// BM25 as the host scores with it (Robertson and Zaragoza, "The Probabilistic Relevance Framework", 2009), in one place, so
// that a storage plugin that leaves out what would not be among the best reckons with the same numbers. Pure; any thread.
#pragma once

#include <engram/storage.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace engram {
inline namespace skin_1 {

// Whether its numbers are within what engram_ranking says, with weights for n terms.
inline bool isRanking(const engram_ranking& ranking, size_t n) {
    const bool sound = ranking.keep > 0 && ranking.k1 >= 0 && ranking.b >= 0 && ranking.b <= 1 &&
                       ranking.average_length > 0 && std::isfinite(ranking.k1) && std::isfinite(ranking.average_length);
    return sound && std::all_of(ranking.weights, ranking.weights + n, [](double w) { return w > 0 && std::isfinite(w); });
}

struct Bm25 {
    double k1, b, average_length;

    // What a term that occurs tf times in a record of this length adds to its score.
    double share(double weight, uint32_t tf, uint32_t length) const {
        if (tf == 0) return 0;
        const double norm = k1 * (1 - b + b * length / average_length);
        return weight * tf * (k1 + 1) / (tf + norm);
    }
};

}  // namespace skin_1
}  // namespace engram
