#include "vectors.hpp"

#include <algorithm>
#include <cmath>

namespace engram::storage_sqlite {
namespace {

// The compiler makes a version for AVX2 and picks at load time. Sixteen bits hold every product, 32 every sum here.
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
__attribute__((target_clones("avx2", "default"), optimize("O3")))
#endif
int32_t dot(const int8_t* a, const int8_t* b, uint32_t n) {
    int32_t sum = 0;
    for (uint32_t i = 0; i < n; ++i) sum += static_cast<int16_t>(a[i]) * static_cast<int16_t>(b[i]);
    return sum;
}

}  // namespace

void VectorSet::add(uint64_t rid, const QuantisedVector& vector) {
    if (vector.codes.size() != dimensions_) return;
    rids_.push_back(rid);
    codes_.insert(codes_.end(), vector.codes.begin(), vector.codes.end());
    norms_.push_back(std::sqrt(static_cast<float>(dot(vector.codes.data(), vector.codes.data(), dimensions_))));
}

void VectorSet::remove(uint64_t rid) {
    auto it = std::find(rids_.begin(), rids_.end(), rid);
    if (it == rids_.end()) return;
    const auto at = it - rids_.begin();
    rids_.erase(it);
    norms_.erase(norms_.begin() + at);
    codes_.erase(codes_.begin() + at * dimensions_, codes_.begin() + (at + 1) * dimensions_);
}

std::vector<VectorSet::Scored> VectorSet::nearest(const float* query, size_t k,
                                                  const std::function<bool(uint64_t)>& wanted) const {
    std::string encoded;
    encodeVector(encoded, 0, query, dimensions_);
    std::vector<QuantisedVector> quantised;
    decodeVectors(encoded, quantised);
    const std::vector<int8_t>& codes = quantised.front().codes;
    const float norm = std::sqrt(static_cast<float>(dot(codes.data(), codes.data(), dimensions_)));
    std::vector<Scored> best;
    if (norm == 0 || k == 0) return best;
    auto worse = [](const Scored& a, const Scored& b) {
        return a.similarity != b.similarity ? a.similarity > b.similarity : a.rid < b.rid;
    };
    for (size_t i = 0; i < rids_.size(); ++i) {
        if (norms_[i] == 0) continue;
        const float similarity =
            static_cast<float>(dot(codes.data(), codes_.data() + i * dimensions_, dimensions_)) / (norm * norms_[i]);
        const Scored scored{rids_[i], similarity};
        if (best.size() == k && !worse(scored, best.front())) continue;
        if (!wanted(rids_[i])) continue;
        if (best.size() == k) {
            std::pop_heap(best.begin(), best.end(), worse);
            best.pop_back();
        }
        best.push_back(scored);
        std::push_heap(best.begin(), best.end(), worse);
    }
    std::sort_heap(best.begin(), best.end(), worse);
    return best;
}

}  // namespace engram::storage_sqlite
