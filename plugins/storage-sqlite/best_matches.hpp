// The best of many postings by BM25, exactly: scores are added up term by term in an array over all rows (term at a time),
// then the best are taken and only they are asked whether the filter lets them through. Lives under the tenant's shared
// index lock. One thread.
#pragma once

#include "posting_cache.hpp"
#include "scoped_rows.hpp"

#include <engram/cpp/bm25.hpp>
#include <engram/storage.h>

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

namespace engram::storage_sqlite {

class BestMatches {
public:
    using Places = std::vector<uint32_t>;

    BestMatches(const Bm25& bm25, const Facts& facts);

    // The postings of the next term that are of rows which the scope holds, with its weight.
    void add(const TermPostings& postings, double weight, const ScopedRows& rows);
    // The places, ascending, of `keep` records or more that pass: none that is left out is better than one of them. Fewer
    // only if no more pass. May be asked again, for another filter. Throws SqliteError.
    Places take(size_t keep, ScopedRows& rows);

private:
    struct Freed {
        void operator()(double* sums) const { std::free(sums); }
    };

    bool better(uint32_t a, uint32_t b) const;
    Places::iterator moveBest(Places::iterator from, size_t n);
    void addBestPassing(Places::iterator from, size_t keep, ScopedRows& rows, Places& found) const;

    const Bm25 bm25_;
    const Facts& facts_;
    std::unique_ptr<double[], Freed> sums_;  // by place; pages that no term touches cost nothing
    Places touched_;
};

}  // namespace engram::storage_sqlite
