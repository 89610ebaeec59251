// The best of many postings by BM25, exactly: scores are added up term by term in an array over all rows (term at a time),
// then the best are taken and only they are asked whether the filter lets them through. Lives under the tenant's shared
// index lock. One thread.
#pragma once

#include "posting_cache.hpp"
#include "scoped_rows.hpp"

#include <engram/storage.h>

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

namespace engram::storage_sqlite {

class BestMatches {
public:
    using Places = std::vector<uint32_t>;

    BestMatches(const engram_ranking& ranking, const Facts& facts, ScopedRows& rows);

    // The postings of the next term of the ranking.
    void add(const TermPostings& postings, double weight);
    // The places, ascending, of ranking.keep records or more that pass: none that is left out is better than one of them.
    // Fewer only if no more pass. Throws SqliteError.
    Places take();

private:
    struct Freed {
        void operator()(double* sums) const { std::free(sums); }
    };

    bool better(uint32_t a, uint32_t b) const;
    Places::iterator moveBest(Places::iterator from, size_t n);

    const engram_ranking& ranking_;
    const Facts& facts_;
    ScopedRows& rows_;
    std::unique_ptr<double[], Freed> sums_;  // by place; pages that no term touches cost nothing
    Places touched_;
};

}  // namespace engram::storage_sqlite
