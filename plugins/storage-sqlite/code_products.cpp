#include "code_products.hpp"

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

QueryCodes::QueryCodes(const std::vector<int8_t>& codes, Instructions instructions)
    : dimensions_(codes.size()), codes_(codes), kernel_(&QueryCodes::plain) {
    for (const int8_t code : codes) square_ += int32_t(code) * code;
    if (instructions != Instructions::Avx2) return;
    wide_.assign(codes_.begin(), codes_.end());
    kernel_ = &QueryCodes::avx2;
}

void QueryCodes::products(const int8_t* rows, size_t n, int32_t* out) const { kernel_(*this, rows, n, out); }

void QueryCodes::plain(const QueryCodes& query, const int8_t* rows, size_t n, int32_t* out) {
    const int8_t* codes = query.codes_.data();
    for (size_t i = 0; i < n; ++i, rows += query.dimensions_) {
        int32_t sum = 0;
        for (size_t d = 0; d < query.dimensions_; ++d) sum += static_cast<int16_t>(codes[d]) * static_cast<int16_t>(rows[d]);
        out[i] = sum;
    }
}

#if defined(__x86_64__)

__attribute__((target("avx2"))) void QueryCodes::avx2(const QueryCodes& query, const int8_t* rows, size_t n, int32_t* out) {
    const size_t whole = query.dimensions_ / 32 * 32;
    for (size_t i = 0; i < n; ++i, rows += query.dimensions_) {
        __m256i even = _mm256_setzero_si256(), odd = even;
        for (size_t d = 0; d < whole; d += 32) {
            const auto* codes = reinterpret_cast<const __m256i*>(query.wide_.data() + d);
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
        for (size_t d = whole; d < query.dimensions_; ++d) sum += int32_t(query.codes_[d]) * rows[d];
        out[i] = sum;
    }
}

#else

void QueryCodes::avx2(const QueryCodes& query, const int8_t* rows, size_t n, int32_t* out) { plain(query, rows, n, out); }

#endif

}  // namespace engram::storage_sqlite
