#include "code_products.hpp"

#include <algorithm>
#include <cmath>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace engram::storage_sqlite {

std::vector<Instructions> usableInstructions() {
    std::vector<Instructions> usable = {Instructions::Plain};
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2")) usable.push_back(Instructions::Avx2);
#endif
    return usable;
}

QueryCodes::QueryCodes(const float* query, size_t dimensions, Instructions instructions)
    : dimensions_(dimensions), kernel_(instructions == Instructions::Avx2 ? &QueryCodes::avx2 : &QueryCodes::plain) {
    constexpr int64_t kLargestRowCode = 128;
    const auto most = static_cast<float>(
        std::min<int64_t>(INT16_MAX, INT32_MAX / (kLargestRowCode * static_cast<int64_t>(std::max<size_t>(dimensions, 1)))));
    float largest = 0;
    for (size_t d = 0; d < dimensions; ++d) largest = std::max(largest, std::fabs(query[d]));
    double square = 0;
    for (size_t d = 0; d < dimensions; ++d) {
        codes_.push_back(static_cast<int16_t>(largest > 0 ? std::lround(query[d] / largest * most) : 0));
        square += double(codes_.back()) * codes_.back();
    }
    length_ = static_cast<float>(std::sqrt(square));
}

void QueryCodes::products(const int8_t* rows, size_t n, int32_t* out) const { kernel_(*this, rows, n, out); }

void QueryCodes::plain(const QueryCodes& query, const int8_t* rows, size_t n, int32_t* out) {
    const int16_t* codes = query.codes_.data();
    for (size_t i = 0; i < n; ++i, rows += query.dimensions_) {
        int32_t sum = 0;
        for (size_t d = 0; d < query.dimensions_; ++d) sum += codes[d] * rows[d];
        out[i] = sum;
    }
}

#if defined(__x86_64__)

__attribute__((target("avx2"))) void QueryCodes::avx2(const QueryCodes& query, const int8_t* rows, size_t n, int32_t* out) {
    const size_t whole = query.dimensions_ / 32 * 32;
    for (size_t i = 0; i < n; ++i, rows += query.dimensions_) {
        __m256i even = _mm256_setzero_si256(), odd = even;
        for (size_t d = 0; d < whole; d += 32) {
            const auto* codes = reinterpret_cast<const __m256i*>(query.codes_.data() + d);
            const auto* row = reinterpret_cast<const __m128i*>(rows + d);
            const __m256i low = _mm256_cvtepi8_epi16(_mm_loadu_si128(row));
            const __m256i high = _mm256_cvtepi8_epi16(_mm_loadu_si128(row + 1));
            even = _mm256_add_epi32(even, _mm256_madd_epi16(low, _mm256_loadu_si256(codes)));
            odd = _mm256_add_epi32(odd, _mm256_madd_epi16(high, _mm256_loadu_si256(codes + 1)));
        }
        alignas(32) int32_t lanes[8];
        _mm256_store_si256(reinterpret_cast<__m256i*>(lanes), _mm256_add_epi32(even, odd));
        int32_t sum = 0;
        for (const int32_t lane : lanes) sum += lane;
        for (size_t d = whole; d < query.dimensions_; ++d) sum += query.codes_[d] * rows[d];
        out[i] = sum;
    }
}

#else

void QueryCodes::avx2(const QueryCodes& query, const int8_t* rows, size_t n, int32_t* out) { plain(query, rows, n, out); }

#endif

}  // namespace engram::storage_sqlite
