#include "storage-sqlite/vectors.hpp"

#include "support/test.hpp"

#include <algorithm>
#include <cmath>
#include <random>
#include <set>

using namespace engram::storage_sqlite;

namespace {

using Vector = std::vector<float>;

Vector randomVector(std::mt19937& random, size_t dimensions) {
    std::normal_distribution<float> normal;
    Vector values(dimensions);
    for (float& value : values) value = normal(random);
    return values;
}

QuantisedVector quantised(const Vector& values) {
    std::string bytes;
    encodeVector(bytes, 1, values.data(), static_cast<uint32_t>(values.size()));
    std::vector<QuantisedVector> out;
    CHECK(decodeVectors(bytes, out));
    return out.front();
}

double cosine(const Vector& a, const Vector& b) {
    double ab = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < a.size(); ++i) {
        ab += double(a[i]) * b[i];
        aa += double(a[i]) * a[i];
        bb += double(b[i]) * b[i];
    }
    return ab / std::sqrt(aa * bb);
}

const VectorSet::Wanted kAll{[](uint32_t) { return true; }, true};

}  // namespace

TEST("of vectors without any order, ten nearest found are the ten nearest in 97 of 100 cases and more") {
    constexpr size_t kRows = 5000, kDimensions = 96, kQueries = 40, kNearest = 10;
    std::mt19937 random(3);
    VectorSet set(kDimensions);
    std::vector<Vector> vectors;
    for (size_t i = 0; i < kRows; ++i) {
        vectors.push_back(randomVector(random, kDimensions));
        set.add(static_cast<uint32_t>(i + 1), quantised(vectors.back()));
    }
    size_t found = 0;
    for (size_t q = 0; q < kQueries; ++q) {
        const Vector query = randomVector(random, kDimensions);
        std::vector<std::pair<double, uint64_t>> truth;
        for (size_t i = 0; i < kRows; ++i) truth.emplace_back(-cosine(query, vectors[i]), i + 1);
        std::sort(truth.begin(), truth.end());
        const auto nearest = set.nearest(query.data(), kNearest, kAll);
        CHECK_EQ(kNearest, nearest.size());
        std::set<uint64_t> places;
        for (const auto& scored : nearest) {
            CHECK(std::fabs(double(scored.similarity) - cosine(query, vectors[scored.place - 1])) < 0.01);
            places.insert(scored.place);
        }
        for (size_t i = 0; i < kNearest; ++i) found += places.contains(truth[i].second);
    }
    CHECK_MESSAGE(std::to_string(found), found >= kQueries * kNearest * 97 / 100);
}

TEST("only wanted rows are found, and a row is asked about only if it is near enough") {
    VectorSet set(2);
    for (uint32_t place = 1; place <= 5000; ++place) {
        const float angle = static_cast<float>(place) / 5000.0f;  // the later, the farther
        set.add(place, quantised({std::cos(angle), std::sin(angle)}));
    }
    size_t asked = 0;
    const Vector query = {1, 0};
    const auto each_hundredth = [&](uint32_t place) {
        ++asked;
        return place % 100 == 0;
    };
    const auto nearest = set.nearest(query.data(), 3, {each_hundredth, false});
    CHECK_EQ(size_t(3), nearest.size());
    for (const auto& scored : nearest) CHECK_EQ(0u, scored.place % 100);
    CHECK(nearest[0].place < nearest[1].place || nearest[0].similarity > nearest[1].similarity);
    CHECK_MESSAGE(std::to_string(asked), asked < 4000);
}

TEST("equal vectors come in the order of their rows, also over many chunks") {
    VectorSet set(3);
    for (uint32_t place = 1; place <= 4000; ++place) set.add(place, quantised({1, 2, 3}));
    const Vector query = {1, 2, 3};
    const auto nearest = set.nearest(query.data(), 5, kAll);
    for (uint32_t i = 0; i < 5; ++i) CHECK_EQ(i + 1, nearest.at(i).place);
}

TEST("a removed row, one without direction and one of another size are not found") {
    VectorSet set(2);
    for (uint32_t place = 1; place <= 3; ++place) set.add(place, quantised({1, 1}));
    set.add(4, quantised({0, 0}));
    set.add(5, quantised({1, 1, 1}));
    set.remove(2);
    set.remove(77);
    const Vector query = {1, 1}, nowhere = {0, 0};
    const auto nearest = set.nearest(query.data(), 10, kAll);
    CHECK_EQ(size_t(2), nearest.size());
    CHECK(nearest[0].place == 1 && nearest[1].place == 3);
    CHECK(set.nearest(nowhere.data(), 10, kAll).empty());
    CHECK(set.nearest(query.data(), 0, kAll).empty());
}

TEST("a few vectors take a few bytes, and many hardly more than their codes") {
    VectorSet small(384), large(384);
    small.add(1, quantised(Vector(384, 1.0f)));
    CHECK(small.bytes() < 2000);
    for (uint32_t place = 1; place <= 4096; ++place) large.add(place, quantised(Vector(384, 1.0f)));
    CHECK_MESSAGE(std::to_string(large.bytes()), large.bytes() < 4096 * 384 * 12 / 8);
}

TEST("whether a row is wanted may be asked before or after it is scored") {
    constexpr size_t kRows = 20000, kDimensions = 384;
    std::mt19937 random(7);
    VectorSet set(kDimensions);
    for (uint32_t place = 0; place < kRows; ++place) set.add(place, quantised(randomVector(random, kDimensions)));
    const auto few = [](uint32_t place) { return place % 20 == 3; };
    for (int i = 0; i < 5; ++i) {
        const Vector query = randomVector(random, kDimensions);
        const auto before = set.nearest(query.data(), 50, {few, true}), after = set.nearest(query.data(), 50, {few, false});
        CHECK_EQ(after.size(), before.size());
        for (size_t n = 0; n < after.size(); ++n) CHECK(before[n].place == after[n].place && few(after[n].place));
    }
}
