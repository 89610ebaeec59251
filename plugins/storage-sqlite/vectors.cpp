#include "vectors.hpp"

#include "code_products.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

namespace engram::storage_sqlite {
namespace {

float inverseOf(int64_t square) { return square > 0 ? 1.0f / std::sqrt(static_cast<float>(square)) : 0.0f; }

std::vector<int8_t> quantise(const float* values, uint32_t dimensions) {
    std::string encoded;
    encodeVector(encoded, 0, values, dimensions);
    std::vector<QuantisedVector> quantised;
    decodeVectors(encoded, quantised);
    return std::move(quantised.front().codes);
}

bool better(const VectorSet::Scored& a, const VectorSet::Scored& b) {
    return a.similarity != b.similarity ? a.similarity > b.similarity : a.rid < b.rid;
}

constexpr size_t kChunkBytes = 2u << 20;  // of codes: a large page
constexpr size_t kCentreRows = 1024;
constexpr size_t kBatch = 128;  // rows that are near enough, before the least similarity is looked at again
constexpr size_t kSampled = 8;  // one of so many chunks, to know from the start about how near the nearest are
constexpr size_t kAhead = 6;  // rows that memory brings while others are worked on

constexpr float kNoFloor = -2;  // less than any cosine

void fetch(const int8_t* codes, size_t n) {
    for (size_t at = 0; at < n; at += 64) __builtin_prefetch(codes + at);
}

// The scan rounds the query as well as the rows; this does not.
float similarity(const float* query, float query_inverse, const int8_t* codes, float inverse, uint32_t dimensions) {
    float product = 0;
    for (uint32_t d = 0; d < dimensions; ++d) product += query[d] * static_cast<float>(codes[d]);
    return product * query_inverse * inverse;
}

float inverseLength(const float* values, uint32_t dimensions) {
    double square = 0;
    for (uint32_t d = 0; d < dimensions; ++d) square += static_cast<double>(values[d]) * static_cast<double>(values[d]);
    return square > 0 ? static_cast<float>(1.0 / std::sqrt(square)) : 0.0f;
}

}  // namespace

// A row that the scan found, with what it takes to score it once more.
struct VectorSet::Found {
    Scored scored;
    const int8_t* codes;
    float inverse;
    bool operator<(const Found& other) const { return better(scored, other.scored); }  // a heap has the worst on top
};

// The best so far, at most `most` of them.
class VectorSet::Best {
public:
    // floor: what is less similar is not looked at.
    Best(size_t most, float floor, const std::function<bool(uint64_t)>& wanted) : most_(most), floor_(floor), wanted_(wanted) {}

    bool full() const { return heap_.size() == most_; }
    bool selects() const { return full() || floor_ > kNoFloor; }
    float least() const { return full() ? std::max(floor_, heap_.front().scored.similarity) : floor_; }
    void offer(const Found& found) {
        if (found.scored.similarity < floor_ || (full() && !(found < heap_.front()))) return;
        if (!wanted_(found.scored.rid)) return;
        if (full()) {
            std::pop_heap(heap_.begin(), heap_.end());
            heap_.pop_back();
        }
        heap_.push_back(found);
        std::push_heap(heap_.begin(), heap_.end());
    }
    std::vector<Found> take() && { return std::move(heap_); }

private:
    const size_t most_;
    const float floor_;
    const std::function<bool(uint64_t)>& wanted_;
    std::vector<Found> heap_;
};

VectorSet::VectorSet(uint32_t dimensions)
    : dimensions_(dimensions),
      chunk_rows_(std::clamp<size_t>(kChunkBytes / std::max(dimensions, 1u) / kSketchBlock * kSketchBlock, kSketchBlock, 8192)) {}

void VectorSet::add(uint64_t rid, const QuantisedVector& vector) {
    if (vector.codes.size() != dimensions_) return;
    if (chunks_.empty() || chunks_.back().rids.size() == chunk_rows_) chunks_.emplace_back();
    Chunk& chunk = chunks_.back();
    int64_t square = 0;
    for (const int8_t code : vector.codes) square += int32_t(code) * code;
    if (const size_t full = chunk_rows_ * dimensions_; chunk.codes.size() == chunk.codes.capacity())
        chunk.codes.reserve(std::min(full, std::max<size_t>(2 * chunk.codes.size(), dimensions_)));
    chunk.rids.push_back(rid);
    chunk.inverses.push_back(inverseOf(square));
    chunk.codes.insert(chunk.codes.end(), vector.codes.begin(), vector.codes.end());
    if (QuerySketch::isUsable()) sketch(chunk);
}

// Every whole block, once there are rows enough to know the centre of.
void VectorSet::sketch(Chunk& chunk) {
    const size_t rows = chunk.rids.size();
    if (!frame_) {
        if (rows < std::min(kCentreRows, chunk_rows_)) return;
        std::vector<float> mean(dimensions_, 0.0f);
        for (size_t i = 0; i < rows; ++i)
            for (size_t d = 0; d < dimensions_; ++d)
                mean[d] += static_cast<float>(chunk.codes[i * dimensions_ + d]) * chunk.inverses[i] / static_cast<float>(rows);
        frame_.emplace(mean);
    }
    for (size_t row; (row = chunk.sketches.blocks() * kSketchBlock) + kSketchBlock <= rows;)
        chunk.sketches.addBlock(*frame_, chunk.codes.data() + row * dimensions_, chunk.inverses.data() + row);
}

void VectorSet::remove(uint64_t rid) {
    for (Chunk& chunk : chunks_) {
        const auto it = std::find(chunk.rids.begin(), chunk.rids.end(), rid);
        if (it == chunk.rids.end()) continue;
        const auto at = it - chunk.rids.begin();
        chunk.inverses[static_cast<size_t>(at)] = 0;
        std::fill_n(chunk.codes.begin() + at * dimensions_, dimensions_, int8_t(0));
        chunk.sketches.forget(static_cast<size_t>(at));
    }
}

size_t VectorSet::bytes() const {
    size_t sum = chunks_.capacity() * sizeof(Chunk);
    for (const Chunk& chunk : chunks_)
        sum += chunk.rids.capacity() * sizeof(uint64_t) + chunk.inverses.capacity() * sizeof(float) + chunk.codes.capacity() +
               chunk.sketches.bytes();
    return sum;
}

// Block after block: of sketched ones only the rows that may be near enough, once there is something to be nearer than.
void VectorSet::scan(const Chunk& chunk, const QueryCodes& codes, const QuerySketch* sketch, Best& best) const {
    const float inverse = inverseOf(codes.square());
    const size_t rows = chunk.rids.size(), sketched = sketch ? chunk.sketches.blocks() * kSketchBlock : 0;
    const auto rowCodes = [&](size_t row) { return chunk.codes.data() + row * dimensions_; };
    const auto offer = [&](size_t row, int32_t product) {
        if (chunk.inverses[row] == 0) return;
        const float similarity = static_cast<float>(product) * inverse * chunk.inverses[row];
        best.offer({{chunk.rids[row], similarity}, rowCodes(row), chunk.inverses[row]});
    };
    std::vector<size_t> near;
    std::array<int32_t, kSketchBlock> products;
    for (size_t from = 0; from < rows;) {
        if (!best.selects() || from >= sketched) {
            const size_t n = std::min(kSketchBlock, rows - from);
            codes.products(rowCodes(from), n, products.data());
            for (size_t i = 0; i < n; ++i) offer(from + i, products[i]);
            from += n;
            continue;
        }
        for (near.clear(); near.size() < kBatch && from < sketched; from += kSketchBlock)
            for (uint32_t bits = sketch->near(chunk.sketches, from / kSketchBlock, best.least()); bits != 0; bits &= bits - 1)
                near.push_back(from + static_cast<size_t>(std::countr_zero(bits)));
        for (size_t n = 0; n < near.size(); ++n) {
            if (n + kAhead < near.size()) fetch(rowCodes(near[n + kAhead]), dimensions_);
            codes.products(rowCodes(near[n]), 1, products.data());
            offer(near[n], products[0]);
        }
    }
}

std::vector<VectorSet::Found> VectorSet::scanAll(const QueryCodes& codes, const QuerySketch* sketch, size_t most, float floor,
                                                 const std::function<bool(uint64_t)>& wanted) const {
    Best best(most, floor, wanted);
    for (const Chunk& chunk : chunks_) scan(chunk, codes, sketch, best);
    return std::move(best).take();
}

// A similarity that the `most` nearest likely have, by a share of the chunks: half as many again of theirs as would be among
// them if all chunks were alike. Without it the scan looks at nearly every row until it has found some that are near.
float VectorSet::likelyFloor(const QueryCodes& codes, const QuerySketch& sketch, size_t most,
                             const std::function<bool(uint64_t)>& wanted) const {
    if (chunks_.size() < kSampled) return kNoFloor;
    const size_t sampled = chunks_.size() / kSampled;
    Best best(most * sampled * 3 / (chunks_.size() * 2) + kSampled, kNoFloor, wanted);
    for (size_t i = 0; i < sampled; ++i) scan(chunks_[i * kSampled + kSampled / 2], codes, &sketch, best);
    return best.full() ? best.least() : kNoFloor;
}

std::vector<VectorSet::Scored> VectorSet::nearest(const float* query, size_t k,
                                                  const std::function<bool(uint64_t)>& wanted) const {
    const QueryCodes codes(quantise(query, dimensions_));
    if (codes.square() == 0 || k == 0) return {};
    std::optional<QuerySketch> sketch;
    if (frame_) sketch.emplace(*frame_, query);
    const size_t most = k + k / 4 + kBeyond;
    const float floor = sketch ? likelyFloor(codes, *sketch, most, wanted) : kNoFloor;
    std::vector<Found> found = scanAll(codes, sketch ? &*sketch : nullptr, most, floor, wanted);
    // The chunks that were looked at first were better than the rest.
    if (floor > kNoFloor && found.size() < most) found = scanAll(codes, &*sketch, most, kNoFloor, wanted);
    const float exact_inverse = inverseLength(query, dimensions_);
    for (Found& f : found) f.scored.similarity = similarity(query, exact_inverse, f.codes, f.inverse, dimensions_);
    std::sort(found.begin(), found.end());
    std::vector<Scored> nearest;
    for (size_t i = 0; i < found.size() && i < k; ++i) nearest.push_back(found[i].scored);
    return nearest;
}

}  // namespace engram::storage_sqlite
