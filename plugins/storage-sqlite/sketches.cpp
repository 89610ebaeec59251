#include "sketches.hpp"

#include "code_products.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace engram::storage_sqlite {
namespace {

constexpr size_t kGroup = 4;           // components that one look-up answers for
constexpr float kRounding = 1e-4f;     // of sums of floats
constexpr uint8_t kLargestEntry = 63;  // of tables; their rounding is a thirtieth of what a bit a component leaves unknown
constexpr float kDeviations = 2.0f;    // of the estimate; past it are 23 of 1,000 cases of a normal distribution's one side

// Walsh and Hadamard's transform, scaled to keep lengths.
void transform(std::vector<float>& values) {
    for (size_t half = 1; half < values.size(); half *= 2)
        for (size_t from = 0; from < values.size(); from += 2 * half)
            for (size_t i = from; i < from + half; ++i) {
                const float a = values[i], b = values[i + half];
                values[i] = a + b;
                values[i + half] = a - b;
            }
    const float scale = 1.0f / std::sqrt(static_cast<float>(values.size()));
    for (float& value : values) value *= scale;
}

// The same every time: sketches are made anew when a tenant is opened. SplitMix64 (Steele, Lea, Flood 2014).
uint64_t scrambled(uint64_t n) {
    n = (n + 1) * 0x9e3779b97f4a7c15;
    n = (n ^ (n >> 30)) * 0xbf58476d1ce4e5b9;
    n = (n ^ (n >> 27)) * 0x94d049bb133111eb;
    return n ^ (n >> 31);
}

float product(const std::vector<float>& a, const std::vector<float>& b) {
    float sum = 0;
    for (size_t d = 0; d < a.size(); ++d) sum += a[d] * b[d];
    return sum;
}

}  // namespace

SketchFrame::SketchFrame(const std::vector<float>& mean)
    : dimensions_(mean.size()), bits_(std::bit_ceil(std::max<size_t>(mean.size(), 64))) {
    for (size_t d = 0; d < dimensions_; ++d) signs_.push_back(scrambled(d) & 1 ? 1.0f : -1.0f);
    centre_ = rotated(mean.data());
}

std::vector<float> SketchFrame::rotated(const float* values) const {
    std::vector<float> out(bits_, 0.0f);
    for (size_t d = 0; d < dimensions_; ++d) out[d] = values[d] * signs_[d];
    transform(out);
    return out;
}

void Sketches::addBlock(const SketchFrame& frame, const int8_t* codes, const float* inverses) {
    const float root = std::sqrt(static_cast<float>(frame.bits()));
    const size_t pairs = frame.bits() / (2 * kGroup), block = nibbles_.size();
    nibbles_.resize(block + kSketchBlock * pairs);
    std::vector<float> values(frame.dimensions());
    for (size_t row = 0; row < kSketchBlock; ++row, codes += frame.dimensions()) {
        for (size_t d = 0; d < values.size(); ++d) values[d] = static_cast<float>(codes[d]) * inverses[row];
        const std::vector<float> rotated = frame.rotated(values.data());
        float square = 0, reach = 0;  // of what the centre leaves; reach: along the vector of its signs, of length 1
        for (size_t d = 0; d < rotated.size(); ++d) {
            const float component = rotated[d] - frame.centre()[d];
            square += component * component;
            reach += std::fabs(component) / root;
            if (component > 0) nibbles_[block + d / (2 * kGroup) * kSketchBlock + row] |= static_cast<uint8_t>(1u << d % (2 * kGroup));
        }
        const float stretch = square > 0 ? square / reach : 0;
        bases_.push_back(product(rotated, frame.centre()));
        factors_.push_back(stretch / root);
        spreads_.push_back(kDeviations * std::sqrt(std::max(0.0f, stretch * stretch - square) / (root * root - 1)));
    }
}

void Sketches::forget(size_t row) {
    if (row >= bases_.size()) return;
    const size_t bytes = nibbles_.size() / blocks();  // of a block
    for (size_t at = row % kSketchBlock; at < bytes; at += kSketchBlock) nibbles_[row / kSketchBlock * bytes + at] = 0;
    bases_[row] = factors_[row] = spreads_[row] = 0;
}

bool QuerySketch::isUsable() {
    static const bool usable = usableInstructions().back() == Instructions::Avx2;  // asked with every vector that is added
    return usable;
}

QuerySketch::QuerySketch(const SketchFrame& frame, const float* query) : pairs_(frame.bits() / (2 * kGroup)) {
    std::vector<float> rest = frame.rotated(query);
    const float inverse = 1.0f / std::sqrt(product(rest, rest));
    for (size_t d = 0; d < rest.size(); ++d) rest[d] = rest[d] * inverse - frame.centre()[d];
    shift_ = product(rest, frame.centre());
    length_ = std::sqrt(product(rest, rest));
    float largest = 0;  // that four components come to
    for (size_t d = 0; d < rest.size(); d += kGroup) {
        float sum = 0;
        for (size_t i = 0; i < kGroup; ++i) sum += std::fabs(rest[d + i]);
        largest = std::max(largest, sum);
    }
    step_ = std::max(2 * largest / kLargestEntry, 1e-20f);
    offset_ = -largest * static_cast<float>(2 * pairs_);
    for (size_t d = 0; d < rest.size(); d += kGroup)
        for (unsigned pattern = 0; pattern < 16; ++pattern) {
            float sum = 0;
            for (unsigned i = 0; i < kGroup; ++i) sum += pattern >> i & 1 ? rest[d + i] : -rest[d + i];
            tables_.push_back(static_cast<uint8_t>(std::lround((sum + largest) / step_)));
        }
}

#if defined(__x86_64__)

// Four entries of tables add up to a byte, and 256 times as much to 16 bits: that is 4,096 components; more are added in parts.
__attribute__((target("avx2"))) uint32_t QuerySketch::near(const Sketches& sketches, size_t block, float least) const {
    static_assert(4 * kLargestEntry < 256);
    constexpr size_t kPart = 512;  // pairs
    const __m256i low_four = _mm256_set1_epi8(15);
    const uint8_t* nibbles = sketches.nibbles_.data() + block * kSketchBlock * pairs_;
    // A byte a row: what the tables say of two groups of four components each.
    const auto two = [&](size_t pair) __attribute__((target("avx2"), always_inline)) {
        const __m256i patterns = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(nibbles + pair * kSketchBlock));
        const auto* table = reinterpret_cast<const __m128i*>(tables_.data() + pair * 32);
        const __m256i first = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(_mm_loadu_si128(table)),
                                                  _mm256_and_si256(patterns, low_four));
        const __m256i second = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(_mm_loadu_si128(table + 1)),
                                                   _mm256_and_si256(_mm256_srli_epi16(patterns, 4), low_four));
        return _mm256_add_epi8(first, second);
    };
    __m256i sums[4] = {};  // of rows 0-3 and 16-19, ... in 32 bits; see below for their order
    for (size_t from = 0; from < pairs_; from += kPart) {
        __m256i both = _mm256_setzero_si256(), odd = both;  // rows, in 16 bits; those of even rows in `both` under the odd ones
        for (size_t pair = from; pair < std::min(pairs_, from + kPart); pair += 2) {
            const __m256i four = _mm256_add_epi8(two(pair), two(pair + 1));
            both = _mm256_add_epi16(both, four);
            odd = _mm256_add_epi16(odd, _mm256_srli_epi16(four, 8));
        }
        const __m256i even = _mm256_sub_epi16(both, _mm256_slli_epi16(odd, 8));
        const __m256i zero = _mm256_setzero_si256();
        const __m256i low = _mm256_unpacklo_epi16(even, odd), high = _mm256_unpackhi_epi16(even, odd);
        sums[0] = _mm256_add_epi32(sums[0], _mm256_unpacklo_epi16(low, zero));
        sums[1] = _mm256_add_epi32(sums[1], _mm256_unpackhi_epi16(low, zero));
        sums[2] = _mm256_add_epi32(sums[2], _mm256_unpacklo_epi16(high, zero));
        sums[3] = _mm256_add_epi32(sums[3], _mm256_unpackhi_epi16(high, zero));
    }
    // Unpacking works in halves of a register: sums[q] are rows 4q to 4q+3 and 16+4q to 16+4q+3.
    const __m256i quarters[4] = {_mm256_permute2x128_si256(sums[0], sums[1], 0x20), _mm256_permute2x128_si256(sums[2], sums[3], 0x20),
                                 _mm256_permute2x128_si256(sums[0], sums[1], 0x31), _mm256_permute2x128_si256(sums[2], sums[3], 0x31)};
    uint32_t near = 0;
    const __m256 wanted = _mm256_set1_ps(least - shift_ - kRounding);
    for (size_t q = 0; q < 4; ++q) {
        const size_t row = block * kSketchBlock + q * 8;
        const __m256 products = _mm256_add_ps(_mm256_mul_ps(_mm256_cvtepi32_ps(quarters[q]), _mm256_set1_ps(step_)), _mm256_set1_ps(offset_));
        __m256 most = _mm256_add_ps(_mm256_loadu_ps(sketches.bases_.data() + row),
                                    _mm256_mul_ps(_mm256_loadu_ps(sketches.factors_.data() + row), products));
        most = _mm256_add_ps(most, _mm256_mul_ps(_mm256_loadu_ps(sketches.spreads_.data() + row), _mm256_set1_ps(length_)));
        near |= static_cast<uint32_t>(_mm256_movemask_ps(_mm256_cmp_ps(most, wanted, _CMP_GE_OQ))) << (q * 8);
    }
    return near;
}

#else

uint32_t QuerySketch::near(const Sketches&, size_t, float) const { return UINT32_MAX; }

#endif

}  // namespace engram::storage_sqlite
