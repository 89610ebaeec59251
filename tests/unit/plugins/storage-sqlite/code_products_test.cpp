#include "storage-sqlite/code_products.hpp"

#include "support/test.hpp"

#include <random>

using namespace engram::storage_sqlite;

namespace {

std::vector<int8_t> randomCodes(std::mt19937& random, size_t n) {
    std::vector<int8_t> codes(n);
    for (int8_t& code : codes) code = static_cast<int8_t>(static_cast<int>(random() % 255) - 127);
    return codes;
}

}  // namespace

TEST("every set of instructions gives the same products, for any dimensions and number of rows") {
    std::mt19937 random(1);
    for (const size_t dimensions : {1u, 8u, 31u, 32u, 63u, 64u, 65u, 256u, 384u, 700u})
        for (const size_t rows : {1u, 2u, 4u, 5u, 9u}) {
            const auto query = randomCodes(random, dimensions), codes = randomCodes(random, dimensions * rows);
            std::vector<int32_t> expected(rows, 0);
            for (size_t i = 0; i < rows; ++i)
                for (size_t d = 0; d < dimensions; ++d) expected[i] += query[d] * codes[i * dimensions + d];
            for (const Instructions instructions : usableInstructions()) {
                std::vector<int32_t> products(rows, 12345);
                QueryCodes(query, instructions).products(codes.data(), rows, products.data());
                CHECK(products == expected);
            }
        }
}

TEST("the largest vectors of the largest codes do not overflow") {
    constexpr size_t kDimensions = 65536;
    for (const int8_t sign : {1, -1}) {
        const std::vector<int8_t> query(kDimensions, 127), row(kDimensions, static_cast<int8_t>(127 * sign));
        for (const Instructions instructions : usableInstructions()) {
            int32_t product = 0;
            const QueryCodes codes(query, instructions);
            codes.products(row.data(), 1, &product);
            CHECK_EQ(sign * 127 * 127 * int32_t(kDimensions), product);
            CHECK_EQ(int64_t(127 * 127) * int64_t(kDimensions), codes.square());
        }
    }
}
