// One space's vectors in memory, eight bits a component, and the scan over all of them. Guarded by the tenant's index lock.
//
// Rows stand in chunks of two megabytes at most, so that a write copies no more than one of them. A removed row's codes are
// overwritten and its place stays empty until the tenant is opened again. From the thousandth row on there are sketches, by
// which the scan passes most rows over.
#pragma once

#include "codec.hpp"
#include "large_pages.hpp"
#include "sketches.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

namespace engram::storage_sqlite {

class QueryCodes;

class VectorSet {
public:
    explicit VectorSet(uint32_t dimensions);

    void add(uint64_t rid, const QuantisedVector& vector);  // of another size: ignored
    void remove(uint64_t rid);
    uint32_t dimensions() const { return dimensions_; }
    size_t bytes() const;  // of memory taken

    struct Scored {
        uint64_t rid;
        float similarity;
    };
    // The k best by cosine among the rows that `wanted` lets through; best first, ties by ascending rid. Asks about a row
    // only if it is near enough to be one of them.
    std::vector<Scored> nearest(const float* query, size_t k, const std::function<bool(uint64_t)>& wanted) const;

private:
    static constexpr size_t kBeyond = 32;  // and a quarter of k: more than are wanted, scored again without rounding the query
    struct Chunk {
        std::vector<uint64_t> rids;
        std::vector<float> inverses;  // 1 / length of the codes; 0 = no direction, or removed
        std::vector<int8_t, LargePages<int8_t>> codes;  // dimensions_ a row
        Sketches sketches;            // of the first rows
    };
    struct Found;
    class Best;
    void sketch(Chunk& chunk);
    std::vector<Found> scanAll(const QueryCodes& codes, const QuerySketch* sketch, size_t most, float floor,
                               const std::function<bool(uint64_t)>& wanted) const;
    float likelyFloor(const QueryCodes& codes, const QuerySketch& sketch, size_t most,
                      const std::function<bool(uint64_t)>& wanted) const;
    void scan(const Chunk& chunk, const QueryCodes& codes, const QuerySketch* sketch, Best& best) const;

    const uint32_t dimensions_;
    const size_t chunk_rows_;
    std::vector<Chunk> chunks_;
    std::optional<SketchFrame> frame_;  // by the first rows
};

}  // namespace engram::storage_sqlite
