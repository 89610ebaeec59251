#include "best_matches.hpp"

#include <algorithm>
#include <new>

namespace engram::storage_sqlite {
namespace {

// A term's shares of scores. Of a long list most rows are short and have the term once or twice: theirs are reckoned once.
class Shares {
public:
    Shares(const Bm25& bm25, double weight, size_t postings) : bm25_(bm25), weight_(weight) {
        if (postings < 4 * kCounts * kLengths) return;
        known_.reserve(kCounts * kLengths);
        for (uint32_t tf = 1; tf <= kCounts; ++tf)
            for (uint32_t length = 0; length < kLengths; ++length) known_.push_back(bm25.share(weight, tf, length));
    }

    double operator()(uint32_t tf, uint32_t length) const {
        if (length < kLengths && tf - 1 < kCounts && !known_.empty()) return known_[(tf - 1) * kLengths + length];
        return bm25_.share(weight_, tf, length);
    }

private:
    static constexpr uint32_t kCounts = 3, kLengths = 256;
    const Bm25 bm25_;
    const double weight_;
    std::vector<double> known_;
};

}  // namespace

BestMatches::BestMatches(const Bm25& bm25, const Facts& facts)
    : bm25_(bm25), facts_(facts), sums_(static_cast<double*>(std::calloc(facts.rows().size() + 1, sizeof(double)))) {
    if (!sums_) throw std::bad_alloc();
}

void BestMatches::add(const TermPostings& postings, double weight, const ScopedRows& rows) {
    const Shares share(bm25_, weight, postings.size());
    const std::vector<uint32_t>& lengths = facts_.lengths();
    postings.each([&](const PlacedPosting& posting) {
        if (!rows.holds(posting.place)) return;
        double& sum = sums_[posting.place];
        if (sum == 0) touched_.push_back(posting.place);
        sum += share(posting.tf, lengths[posting.place]);
    });
}

bool BestMatches::better(uint32_t a, uint32_t b) const { return sums_[a] != sums_[b] ? sums_[a] > sums_[b] : a < b; }

// Moves the n best of those from `from` on there; behind them it ends. Most are worse than the worst of a heap, and found so
// in the order in which they stand.
BestMatches::Places::iterator BestMatches::moveBest(Places::iterator from, size_t n) {
    if (static_cast<size_t>(touched_.end() - from) <= n) return touched_.end();
    const auto by = [&](uint32_t a, uint32_t b) { return better(a, b); };
    Places best(from, from + static_cast<std::ptrdiff_t>(n));  // a heap, the worst on top
    std::make_heap(best.begin(), best.end(), by);
    for (auto it = from + static_cast<std::ptrdiff_t>(n); it != touched_.end(); ++it) {
        if (!better(*it, best.front())) continue;
        std::pop_heap(best.begin(), best.end(), by);
        best.back() = *it;
        std::push_heap(best.begin(), best.end(), by);
    }
    return std::partition(from, touched_.end(), [&](uint32_t place) { return !better(best.front(), place); });
}

// The best of those from `from` on that pass, so many that with what is in `found` there are `keep`.
void BestMatches::addBestPassing(Places::iterator from, size_t keep, ScopedRows& rows, Places& found) const {
    const auto by = [&](uint32_t a, uint32_t b) { return better(a, b); };
    const auto first = static_cast<std::ptrdiff_t>(found.size());  // behind them a heap, the worst on top
    for (; from != touched_.end(); ++from) {
        const bool full = found.size() == keep;
        if ((full && !better(*from, found[static_cast<size_t>(first)])) || !rows.passes(*from)) continue;
        if (full) {
            std::pop_heap(found.begin() + first, found.end(), by);
            found.pop_back();
        }
        found.push_back(*from);
        std::push_heap(found.begin() + first, found.end(), by);
    }
}

// The filter may need a row of the file: the best are asked first, and twice as many each time that too few pass. Where it
// does not, all others may be asked once the best were too few.
BestMatches::Places BestMatches::take(size_t keep, ScopedRows& rows) {
    Places found;
    auto from = touched_.begin();
    for (size_t more = keep; from != touched_.end() && found.size() < keep; more *= 2) {
        if (more > keep && rows.passesCheaply()) {
            addBestPassing(from, keep, rows, found);
            break;
        }
        for (const auto to = moveBest(from, more); from != to; ++from)
            if (rows.passes(*from)) found.push_back(*from);
    }
    std::sort(found.begin(), found.end());
    found.erase(std::unique(found.begin(), found.end()), found.end());
    return found;
}

}  // namespace engram::storage_sqlite
