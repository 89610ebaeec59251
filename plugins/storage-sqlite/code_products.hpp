// Inner products of one query with many rows of int8 codes, by the best instructions that the processor has: AVX2 or
// plain C++. Both give the same whole numbers. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace engram::storage_sqlite {

enum class Instructions { Plain, Avx2 };

// What this processor and system can run, the fastest last.
std::vector<Instructions> usableInstructions();

// A query in whole numbers, as finely as sums of 32 bits let it be: up to fifteen bits a component.
class QueryCodes {
public:
    QueryCodes(const float* query, size_t dimensions) : QueryCodes(query, dimensions, usableInstructions().back()) {}
    QueryCodes(const float* query, size_t dimensions, Instructions instructions);

    // out[i] = the sum over d of codes[d] * rows[i * dimensions + d], for i < n. Up to 65536 dimensions no sum overflows.
    void products(const int8_t* rows, size_t n, int32_t* out) const;
    // Of the vector of its codes; 0: the query has no direction.
    float length() const { return length_; }

private:
    using Kernel = void (*)(const QueryCodes& query, const int8_t* rows, size_t n, int32_t* out);
    static void plain(const QueryCodes& query, const int8_t* rows, size_t n, int32_t* out);
    static void avx2(const QueryCodes& query, const int8_t* rows, size_t n, int32_t* out);

    const size_t dimensions_;
    std::vector<int16_t> codes_;
    float length_ = 0;
    Kernel kernel_;
};

}  // namespace engram::storage_sqlite
