#include "vectors.hpp"

#include "code_products.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

namespace engram::storage_sqlite {
namespace {

float inverseOf(int64_t square) { return square > 0 ? 1.0f / std::sqrt(static_cast<float>(square)) : 0.0f; }

bool better(const VectorSet::Scored& a, const VectorSet::Scored& b) {
    return a.similarity != b.similarity ? a.similarity > b.similarity : a.place < b.place;
}

constexpr size_t kChunkBytes = 2u << 20;  // of codes: a large page
constexpr size_t kCentreRows = 1024;
constexpr size_t kBatch = 128;  // rows that are near enough, before the least similarity is looked at again
constexpr size_t kSampled = 8;  // one of so many chunks, to know from the start about how near the nearest are
constexpr size_t kBeyond = 16;  // and a sixteenth of k: more than are wanted, since sketches miss some of the last
constexpr size_t kAhead = 6;  // rows that memory brings while others are worked on

constexpr size_t kAskedFirst = 64;  // rows, until it is known whether few are wanted

constexpr float kNoFloor = -2;  // less than any cosine

void fetch(const int8_t* codes, size_t n) {
    for (size_t at = 0; at < n; at += 64) __builtin_prefetch(codes + at);
}

}  // namespace

// The best so far, at most `most` of them.
class VectorSet::Best {
public:
    // floor: what is less similar is not looked at.
    Best(size_t most, float floor, const Wanted& wanted) : most_(most), floor_(floor), wanted_(wanted) {}

    bool full() const { return heap_.size() == most_; }
    bool selects() const { return full() || floor_ > kNoFloor; }
    float least() const { return full() ? std::max(floor_, heap_.front().similarity) : floor_; }
    // True: most rows that are near enough are not wanted, so it pays to ask before they are scored.
    bool asksFirst() const { return wanted_.is_cheap && asked_ >= kAskedFirst && wants_ < asked_ / 2; }
    bool wants(uint32_t place) {
        const bool wanted = wanted_.wants(place);
        ++asked_;
        wants_ += wanted ? 1 : 0;
        return wanted;
    }
    void offer(const Scored& row, bool wanted) {
        if (isGoodEnough(row) && (wanted || wants(row.place))) keep(row);
    }
    // Of rows that are wanted.
    void offerAll(const std::vector<Scored>& rows) {
        for (const Scored& row : rows)
            if (isGoodEnough(row)) keep(row);
    }
    std::vector<Scored> take(size_t n) && {  // at most n, best first
        std::sort(heap_.begin(), heap_.end(), better);
        if (heap_.size() > n) heap_.resize(n);
        return std::move(heap_);
    }

private:
    bool isGoodEnough(const Scored& row) const {
        return row.similarity >= floor_ && (!full() || better(row, heap_.front()));
    }
    void keep(const Scored& row) {
        if (full()) {
            std::pop_heap(heap_.begin(), heap_.end(), better);
            heap_.pop_back();
        }
        heap_.push_back(row);
        std::push_heap(heap_.begin(), heap_.end(), better);
    }

    const size_t most_;
    const float floor_;
    const Wanted& wanted_;
    size_t asked_ = 0, wants_ = 0;
    std::vector<Scored> heap_;  // the worst on top
};

VectorSet::VectorSet(uint32_t dimensions)
    : dimensions_(dimensions),
      chunk_rows_(std::clamp<size_t>(kChunkBytes / std::max(dimensions, 1u) / kSketchBlock * kSketchBlock, kSketchBlock, 8192)) {}

void VectorSet::add(uint32_t place, const QuantisedVector& vector) {
    if (vector.codes.size() != dimensions_) return;
    if (chunks_.empty() || chunks_.back().places.size() == chunk_rows_) chunks_.emplace_back();
    Chunk& chunk = chunks_.back();
    int64_t square = 0;
    for (const int8_t code : vector.codes) square += int32_t(code) * code;
    if (const size_t full = chunk_rows_ * dimensions_; chunk.codes.size() == chunk.codes.capacity())
        chunk.codes.reserve(std::min(full, std::max<size_t>(2 * chunk.codes.size(), dimensions_)));
    chunk.places.push_back(place);
    chunk.inverses.push_back(inverseOf(square));
    chunk.codes.insert(chunk.codes.end(), vector.codes.begin(), vector.codes.end());
    if (QuerySketch::isUsable()) sketch(chunk);
}

// Every whole block, once there are rows enough to know the centre of.
void VectorSet::sketch(Chunk& chunk) {
    const size_t rows = chunk.places.size();
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

void VectorSet::remove(uint32_t place) {
    for (Chunk& chunk : chunks_) {
        const auto it = std::find(chunk.places.begin(), chunk.places.end(), place);
        if (it == chunk.places.end()) continue;
        const auto at = it - chunk.places.begin();
        chunk.inverses[static_cast<size_t>(at)] = 0;
        std::fill_n(chunk.codes.begin() + at * dimensions_, dimensions_, int8_t(0));
        chunk.sketches.forget(static_cast<size_t>(at));
    }
}

size_t VectorSet::bytes() const {
    size_t sum = chunks_.capacity() * sizeof(Chunk);
    for (const Chunk& chunk : chunks_)
        sum += chunk.places.capacity() * sizeof(uint32_t) + chunk.inverses.capacity() * sizeof(float) + chunk.codes.capacity() +
               chunk.sketches.bytes();
    return sum;
}

// Block after block: of sketched ones only the rows that may be near enough, once there is something to be nearer than.
void VectorSet::scan(const Chunk& chunk, const QueryCodes& codes, const QuerySketch* sketch, Best& best) const {
    const size_t rows = chunk.places.size(), sketched = sketch ? chunk.sketches.blocks() * kSketchBlock : 0;
    const auto rowCodes = [&](size_t row) { return chunk.codes.data() + row * dimensions_; };
    const auto offer = [&](size_t row, int32_t product, bool wanted) {
        if (chunk.inverses[row] == 0) return;
        best.offer({chunk.places[row], static_cast<float>(product) / codes.length() * chunk.inverses[row]}, wanted);
    };
    std::vector<size_t> near;
    std::array<int32_t, kSketchBlock> products;
    for (size_t from = 0; from < rows;) {
        if (!best.selects() || from >= sketched) {
            const size_t n = std::min(kSketchBlock, rows - from);
            codes.products(rowCodes(from), n, products.data());
            for (size_t i = 0; i < n; ++i) offer(from + i, products[i], false);
            from += n;
            continue;
        }
        const bool asked = best.asksFirst();
        for (near.clear(); near.size() < kBatch && from < sketched; from += kSketchBlock)
            for (uint32_t bits = sketch->near(chunk.sketches, from / kSketchBlock, best.least()); bits != 0; bits &= bits - 1) {
                const size_t row = from + static_cast<size_t>(std::countr_zero(bits));
                if (!asked || best.wants(chunk.places[row])) near.push_back(row);
            }
        for (size_t n = 0; n < near.size(); ++n) {
            if (n + kAhead < near.size()) fetch(rowCodes(near[n + kAhead]), dimensions_);
            codes.products(rowCodes(near[n]), 1, products.data());
            offer(near[n], products[0], asked);
        }
    }
}

// A share of the chunks comes first, and tells a similarity that the nearest of all likely have: that of half as many again
// as would be among them if all chunks were alike. Without it the scan looks at nearly every row until it has found some
// that are near.
std::vector<VectorSet::Scored> VectorSet::nearest(const float* query, size_t k, const Wanted& wanted) const {
    const QueryCodes codes(query, dimensions_);
    if (codes.length() == 0 || k == 0) return {};
    std::optional<QuerySketch> sketch;
    if (frame_) sketch.emplace(*frame_, query);
    const size_t most = k + k / 16 + kBeyond;
    const auto scanInto = [&](Best& best, auto&& among) {
        for (size_t i = 0; i < chunks_.size(); ++i)
            if (among(i)) scan(chunks_[i], codes, sketch ? &*sketch : nullptr, best);
    };
    if (sketch && chunks_.size() >= kSampled) {
        const auto isSampled = [](size_t chunk) { return chunk % kSampled == kSampled / 2; };
        Best sample(most * 3 / (2 * kSampled) + kSampled, kNoFloor, wanted);
        scanInto(sample, isSampled);
        const float floor = sample.full() ? sample.least() : kNoFloor;
        Best best(most, floor, wanted);
        best.offerAll(std::move(sample).take(most));
        scanInto(best, [&](size_t chunk) { return !isSampled(chunk); });
        // If not: the chunks that were looked at first were better than the rest.
        if (best.full() || floor == kNoFloor) return std::move(best).take(k);
    }
    Best best(most, kNoFloor, wanted);
    scanInto(best, [](size_t) { return true; });
    return std::move(best).take(k);
}

}  // namespace engram::storage_sqlite
