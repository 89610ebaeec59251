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

// A query's codes, laid out for the instructions that will be used.
class QueryCodes {
public:
    explicit QueryCodes(const std::vector<int8_t>& codes) : QueryCodes(codes, usableInstructions().back()) {}
    QueryCodes(const std::vector<int8_t>& codes, Instructions instructions);

    // out[i] = the sum over d of query[d] * rows[i * dimensions + d], for i < n. Up to 65536 dimensions no sum overflows.
    void products(const int8_t* rows, size_t n, int32_t* out) const;
    // The query with itself.
    int64_t square() const { return square_; }

private:
    using Kernel = void (*)(const QueryCodes& query, const int8_t* rows, size_t n, int32_t* out);
    static void plain(const QueryCodes& query, const int8_t* rows, size_t n, int32_t* out);
    static void avx2(const QueryCodes& query, const int8_t* rows, size_t n, int32_t* out);

    size_t dimensions_;
    std::vector<int8_t> codes_; 
    std::vector<int16_t> wide_;  // the same, for Avx2
    int64_t square_ = 0;
    Kernel kernel_;
};

}  // namespace engram::storage_sqlite
