// One space's vectors in memory, and the scan over them. Guarded by the tenant's index lock.
#pragma once

#include "codec.hpp"

#include <cstdint>
#include <functional>
#include <vector>

namespace engram::storage_sqlite {

class VectorSet {
public:
    explicit VectorSet(uint32_t dimensions) : dimensions_(dimensions) {}

    void add(uint64_t rid, const QuantisedVector& vector);  // of another size: ignored
    void remove(uint64_t rid);
    uint32_t dimensions() const { return dimensions_; }
    size_t bytes() const { return rids_.size() * (dimensions_ + 16); }

    struct Scored {
        uint64_t rid;
        float similarity;
    };
    // The k best by cosine among the rows that `wanted` lets through; best first, ties by ascending rid.
    std::vector<Scored> nearest(const float* query, size_t k, const std::function<bool(uint64_t)>& wanted) const;

private:
    uint32_t dimensions_;
    std::vector<uint64_t> rids_;
    std::vector<float> norms_;  // of the codes; 0 = no direction
    std::vector<int8_t> codes_; // dimensions_ a row
};

}  // namespace engram::storage_sqlite
