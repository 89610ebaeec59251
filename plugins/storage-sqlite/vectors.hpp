// One space's vectors in memory, eight bits a component, and the scan over all of them. Rows go by their places in Facts.
// Guarded by the tenant's index lock.
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

    void add(uint32_t place, const QuantisedVector& vector);  // of another size: ignored
    void remove(uint32_t place);
    uint32_t dimensions() const { return dimensions_; }
    size_t bytes() const;  // of memory taken

    struct Scored {
        uint32_t place;
        float similarity;
    };
    struct Wanted {
        std::function<bool(uint32_t place)> wants;
        bool is_cheap;  // to ask costs less than to score a row
    };
    // The k best by cosine among the rows that are wanted; best first, ties by ascending place. Asks about a row only if it is
    // near enough to be one of them, or may be so and few are wanted.
    std::vector<Scored> nearest(const float* query, size_t k, const Wanted& wanted) const;

private:
    struct Chunk {
        std::vector<uint32_t> places;
        std::vector<float> inverses;  // 1 / length of the codes; 0 = no direction, or removed
        std::vector<int8_t, LargePages<int8_t>> codes;  // dimensions_ a row
        Sketches sketches;            // of the first rows
    };
    class Best;
    void sketch(Chunk& chunk);
    void scan(const Chunk& chunk, const QueryCodes& codes, const QuerySketch* sketch, Best& best) const;

    const uint32_t dimensions_;
    const size_t chunk_rows_;
    std::vector<Chunk> chunks_;
    std::optional<SketchFrame> frame_;  // by the first rows
};

}  // namespace engram::storage_sqlite
