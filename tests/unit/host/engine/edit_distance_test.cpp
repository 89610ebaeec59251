#include <engram/cpp/edit_distance.hpp>

#include "support/test.hpp"

#include <random>
#include <string>
#include <vector>

using engram::EditDistance;

namespace {

// As it is defined, with the whole table (Boytsov 2011, 2.1). Of texts of one byte a character.
uint32_t defined(const std::string& a, const std::string& b) {
    std::vector<std::vector<uint32_t>> d(a.size() + 1, std::vector<uint32_t>(b.size() + 1, 0));
    for (size_t i = 0; i <= a.size(); ++i)
        for (size_t j = 0; j <= b.size(); ++j) {
            if (i == 0 || j == 0) {
                d[i][j] = static_cast<uint32_t>(i + j);
                continue;
            }
            d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] != b[j - 1] ? 1u : 0u)});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
        }
    return d[a.size()][b.size()];
}

}  // namespace

TEST("the distance is that of its definition for any two words") {
    std::mt19937 random(7);
    auto word = [&] {
        std::string out;
        for (size_t n = random() % 9; n > 0; --n) out += static_cast<char>('a' + random() % 3);
        return out;
    };
    for (int i = 0; i < 20000; ++i) {
        const std::string a = word(), b = word();
        for (uint32_t most = 1; most <= 2; ++most) {
            CHECK_EQ(std::min(defined(a, b), most + 1), EditDistance(a, most).to(b));
            if (defined(a, b) <= most) CHECK(EditDistance(a, most).mayReach(EditDistance::outlineOf(b)));
        }
    }
}

TEST("the host's marks are like no word") {
    CHECK_EQ(3u, EditDistance("tgarden", 2).to("\x01tgarden"));
    CHECK_EQ(1u, EditDistance("tgarden", 2).to(" tgarden"));
}

TEST("a character is one edit however many bytes it has") {
    CHECK_EQ(1u, EditDistance("tea", 2).to("te\xF0\x9F\x8D\xB5"));
    CHECK_EQ(2u, EditDistance("te", 2).to("te\xF0\x9F\x8D\xB5\xF0\x9F\x8D\xB5"));
    CHECK_EQ(1u, EditDistance("\xD0\xB4\xD0\xBE\xD0\xBC", 2).to("\xD0\xB4\xD1\x8B\xD0\xBC"));
    CHECK_EQ(1u, EditDistance("\xD0\xB4\xD0\xBE\xD0\xBC", 2).to("\xD0\xBE\xD0\xB4\xD0\xBC"));
}

TEST("bytes that are not UTF-8 and words that are too long are no danger") {
    CHECK_EQ(0u, EditDistance("\xFF\x80", 2).to("\xFF\x80"));
    CHECK_EQ(1u, EditDistance("\xFF\x80", 2).to("\xFF"));
    CHECK_EQ(1u, EditDistance("a\xE2\x82", 1).to("a\xE2"));
    CHECK_EQ(3u, EditDistance(std::string(65, 'a'), 2).to(std::string(65, 'a')));
    CHECK_EQ(0u, EditDistance(std::string(64, 'a'), 2).to(std::string(64, 'a')));
    CHECK_EQ(2u, EditDistance("", 1).to("aa"));
}
