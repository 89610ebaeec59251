#include "config/did_you_mean.hpp"

#include <algorithm>
#include <vector>

namespace engram::config {
namespace {

constexpr size_t kMaxLength = 128;

// Damerau-Levenshtein with adjacent transpositions (optimal string alignment).
size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::vector<size_t>> d(a.size() + 1, std::vector<size_t>(b.size() + 1));
    for (size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
    for (size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
    for (size_t i = 1; i <= a.size(); ++i)
        for (size_t j = 1; j <= b.size(); ++j) {
            const size_t substitution = d[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, substitution});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
        }
    return d[a.size()][b.size()];
}

}  // namespace

std::optional<std::string_view> closest(std::string_view word, std::span<const std::string_view> among) {
    if (word.size() > kMaxLength) return std::nullopt;
    std::optional<std::string_view> best;
    size_t best_distance = 0;
    for (std::string_view candidate : among) {
        if (candidate.size() > kMaxLength) continue;
        const size_t d = distance(word, candidate);
        if (d > std::max<size_t>(1, candidate.size() / 3)) continue;
        if (!best || d < best_distance) {
            best = candidate;
            best_distance = d;
        }
    }
    return best;
}

}  // namespace engram::config
