#include "storage-sqlite/code_products.hpp"

#include "support/test.hpp"

#include <cmath>
#include <random>
#include <string>
#include <vector>

using namespace engram::storage_sqlite;

namespace {

std::vector<int8_t> randomCodes(std::mt19937& random, size_t n) {
    std::vector<int8_t> codes(n);
    for (int8_t& code : codes) code = static_cast<int8_t>(static_cast<int>(random() % 255) - 127);
    return codes;
}

std::vector<float> randomQuery(std::mt19937& random, size_t n) {
    std::normal_distribution<float> normal;
    std::vector<float> query(n);
    for (float& component : query) component = normal(random);
    return query;
}

double lengthOf(const auto& values) {
    double square = 0;
    for (const auto value : values) square += double(value) * value;
    return std::sqrt(square);
}

}  // namespace

TEST("every set of instructions gives the same products, for any dimensions and number of rows, and they make the cosine") {
    std::mt19937 random(1);
    for (const size_t dimensions : {1u, 8u, 31u, 32u, 63u, 64u, 65u, 256u, 384u, 700u})
        for (const size_t rows : {1u, 2u, 4u, 5u, 9u}) {
            const auto query = randomQuery(random, dimensions);
            const auto codes = randomCodes(random, dimensions * rows);
            std::vector<int32_t> expected;
            for (const Instructions instructions : usableInstructions()) {
                const QueryCodes query_codes(query.data(), dimensions, instructions);
                std::vector<int32_t> products(rows, 12345);
                query_codes.products(codes.data(), rows, products.data());
                if (expected.empty()) expected = products;
                CHECK(products == expected);
                for (size_t i = 0; i < rows; ++i) {
                    const std::vector<int8_t> row(codes.begin() + std::ptrdiff_t(i * dimensions),
                                                  codes.begin() + std::ptrdiff_t((i + 1) * dimensions));
                    double product = 0;
                    for (size_t d = 0; d < dimensions; ++d) product += double(query[d]) * row[d];
                    const double wanted = product / lengthOf(query) / lengthOf(row);
                    CHECK(std::fabs(double(products[i]) / double(query_codes.length()) / lengthOf(row) - wanted) < 1e-4);
                }
            }
        }
}

TEST("the largest vectors of the largest codes do not overflow") {
    for (const size_t dimensions : {384u, 65536u})
        for (const float sign : {1.0f, -1.0f}) {
            const std::vector<float> query(dimensions, sign * 1e30f);
            const std::vector<int8_t> row(dimensions, -128);
            for (const Instructions instructions : usableInstructions()) {
                int32_t product = 0;
                const QueryCodes codes(query.data(), dimensions, instructions);
                codes.products(row.data(), 1, &product);
                const double cosine = double(product) / double(codes.length()) / lengthOf(row);
                CHECK_MESSAGE(std::to_string(cosine), std::fabs(cosine + double(sign)) < 1e-4);
            }
        }
}

TEST("a query of zeros has no length") {
    const std::vector<float> nowhere(384, 0.0f);
    CHECK_EQ(0.0f, QueryCodes(nowhere.data(), nowhere.size()).length());
}
