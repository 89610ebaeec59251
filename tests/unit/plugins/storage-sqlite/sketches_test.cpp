#include "storage-sqlite/sketches.hpp"

#include "support/test.hpp"

#include <algorithm>
#include <cmath>
#include <random>

using namespace engram::storage_sqlite;

namespace {

using Vector = std::vector<float>;

// Rows of one kind: `shared` is how much of each is the same, as with the embeddings of most models.
struct Rows {
    Rows(size_t n, size_t width, float shared) : dimensions(width), common(width) {
        std::normal_distribution<float> normal;
        for (float& c : common) c = shared * normal(random);
        for (size_t i = 0; i < n; ++i) {
            const Vector row = another();
            float most = 0, square = 0;
            for (const float v : row) most = std::max(most, std::fabs(v));
            for (const float v : row) {
                codes.push_back(static_cast<int8_t>(std::lround(v / most * 127)));
                square += static_cast<float>(codes.back()) * static_cast<float>(codes.back());
            }
            inverses.push_back(1 / std::sqrt(square));
        }
    }

    Vector another() {
        std::normal_distribution<float> normal;
        Vector out(dimensions);
        for (size_t d = 0; d < dimensions; ++d) out[d] = common[d] + normal(random);
        return out;
    }
    Vector mean() const {
        Vector out(dimensions, 0);
        for (size_t i = 0; i < codes.size(); ++i)
            out[i % dimensions] += static_cast<float>(codes[i]) * inverses[i / dimensions] / static_cast<float>(inverses.size());
        return out;
    }
    float similarity(const Vector& query, size_t row) const {
        double product = 0, square = 0;
        for (size_t d = 0; d < dimensions; ++d) {
            product += double(query[d]) * codes[row * dimensions + d];
            square += double(query[d]) * query[d];
        }
        return static_cast<float>(product * inverses[row] / std::sqrt(square));
    }

    std::mt19937 random{7};
    size_t dimensions;
    Vector common, inverses;
    std::vector<int8_t> codes;
};

Sketches sketched(const SketchFrame& frame, const std::vector<int8_t>& codes, const Vector& inverses) {
    Sketches out;
    for (size_t row = 0; row + kSketchBlock <= inverses.size(); row += kSketchBlock)
        out.addBlock(frame, codes.data() + row * frame.dimensions(), inverses.data() + row);
    return out;
}

bool isNear(const QuerySketch& query, const Sketches& sketches, size_t row, float least) {
    return query.near(sketches, row / kSketchBlock, least) >> row % kSketchBlock & 1;
}

}  // namespace

TEST("a row that is just near enough is missed in three cases of a hundred at most, whatever the vectors are like") {
    if (!QuerySketch::isUsable()) return;
    for (const size_t dimensions : {48, 96, 384, 1000})
        for (const float shared : {0.0f, 2.0f}) {
            Rows rows(1024, dimensions, shared);
            const SketchFrame frame(rows.mean());
            const Sketches sketches = sketched(frame, rows.codes, rows.inverses);
            size_t missed = 0;
            for (int q = 0; q < 20; ++q) {
                const Vector query = rows.another();
                const QuerySketch sketch(frame, query.data());
                for (size_t row = 0; row < 1024; ++row) missed += !isNear(sketch, sketches, row, rows.similarity(query, row));
            }
            CHECK_MESSAGE(std::to_string(missed) + " of 20480, " + std::to_string(dimensions), missed <= 614);
        }
}

TEST("most rows that are not near enough are passed over") {
    if (!QuerySketch::isUsable()) return;
    for (const float shared : {0.0f, 2.0f}) {
        Rows rows(1024, 384, shared);
        const SketchFrame frame(rows.mean());
        const Sketches sketches = sketched(frame, rows.codes, rows.inverses);
        const Vector query = rows.another();
        const QuerySketch sketch(frame, query.data());
        Vector similarities;
        for (size_t row = 0; row < 1024; ++row) similarities.push_back(rows.similarity(query, row));
        std::sort(similarities.rbegin(), similarities.rend());
        size_t near = 0;
        for (size_t row = 0; row < 1024; ++row) near += isNear(sketch, sketches, row, similarities[3]);
        CHECK_MESSAGE(std::to_string(near), near >= 3 && near < 300);
    }
}

TEST("rows without direction, and rows that are all the same, are no trouble") {
    if (!QuerySketch::isUsable()) return;
    const size_t n = 64, dimensions = 70;
    std::vector<int8_t> codes(n * dimensions, 3);
    std::fill_n(codes.begin(), dimensions, int8_t(0));
    Vector inverses(n, 1 / std::sqrt(9.0f * dimensions));
    inverses[0] = 0;
    const SketchFrame frame(Vector(dimensions, 1 / std::sqrt(static_cast<float>(dimensions))));
    const Sketches sketches = sketched(frame, codes, inverses);
    const Vector query(dimensions, 2.0f);
    const QuerySketch sketch(frame, query.data());
    CHECK_EQ(uint32_t(0xfffffffe), sketch.near(sketches, 0, 1.0f));
    CHECK_EQ(uint32_t(0xffffffff), sketch.near(sketches, 1, 1.0f));
}
