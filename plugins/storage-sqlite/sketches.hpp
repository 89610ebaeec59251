// One bit a component of each vector, and the scan over them that says which rows are worth a product of their codes: a
// sixth of the memory is read. After RaBitQ (Gao and Long, SIGMOD 2024): vectors are taken from a centre, rotated, and kept
// by their signs; the product with a query is estimated without bias, with an error whose size is known for each row.
// Rows come in blocks of 32. Needs AVX2. Values; the scan changes nothing and may run on any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace engram::storage_sqlite {

// The rotation and the centre that all sketches of a set of vectors share.
class SketchFrame {
public:
    // `mean`: of vectors of length 1 like those that will come; a poor one costs time, not results.
    explicit SketchFrame(const std::vector<float>& mean);

    size_t dimensions() const { return dimensions_; }
    size_t bits() const { return bits_; }  // dimensions, up to a power of two of at least 64
    const std::vector<float>& centre() const { return centre_; }  // rotated
    // Of length bits(); keeps lengths and products.
    std::vector<float> rotated(const float* values) const;

private:
    size_t dimensions_, bits_;
    std::vector<float> signs_;
    std::vector<float> centre_;
};

inline constexpr size_t kSketchBlock = 32;  // rows

// The sketches of rows, block by block.
class Sketches {
public:
    // codes: the int8 components of the next block's rows; inverses: 1 / their lengths, 0 for a row without direction.
    void addBlock(const SketchFrame& frame, const int8_t* codes, const float* inverses);

    void forget(size_t row);  // its bits; one that has none is no matter

    size_t blocks() const { return bases_.size() / kSketchBlock; }
    size_t bytes() const { return nibbles_.capacity() + 3 * bases_.capacity() * sizeof(float); }

private:
    friend class QuerySketch;
    std::vector<uint8_t> nibbles_;  // of a block: eight components after eight, a byte a row
    std::vector<float> bases_, factors_, spreads_;  // a row: similarity is base + factor * estimated product, give or take spread
};

// A query ready for the scan.
class QuerySketch {
public:
    static bool isUsable();  // whether the processor has the instructions

    QuerySketch(const SketchFrame& frame, const float* query);  // query: not zero

    // Bit i: row i of the block may be as similar (by cosine) as `least`. Of a hundred rows that are exactly so, three are
    // missed at most; of those that are clearly more similar hardly any.
    uint32_t near(const Sketches& sketches, size_t block, float least) const;

private:
    size_t pairs_;                 // of groups of four components
    std::vector<uint8_t> tables_;  // a group of four components: the product for each of its sixteen patterns, rounded
    float step_, offset_;          // product = step * sum + offset
    float shift_;                  // query - centre, with the centre
    float length_;                 // of query - centre
};

}  // namespace engram::storage_sqlite
