#include "storage-sqlite/codec.hpp"

#include "support/test.hpp"

#include <cmath>
#include <cstdlib>
#include <limits>

using namespace engram::storage_sqlite;

namespace {

std::vector<QuantisedVector> throughVector(const std::vector<float>& values) {
    std::string bytes;
    encodeVector(bytes, 7, values.data(), static_cast<uint32_t>(values.size()));
    std::vector<QuantisedVector> out;
    CHECK(decodeVectors(bytes, out));
    CHECK_EQ(size_t(1), out.size());
    CHECK_EQ(7u, out[0].space);
    return out;
}

}  // namespace

TEST("terms, postings and tags come back as they were, at the edges of their numbers") {
    std::string bytes;
    const std::string longest(64, 'x');
    encodeTerm(bytes, "tea", 1);
    encodeTerm(bytes, longest, UINT32_MAX);
    encodeTerm(bytes, std::string_view("\0\xFF", 2), 128);
    std::vector<TermCount> terms;
    CHECK(decodeTerms(bytes, terms));
    CHECK_EQ(size_t(3), terms.size());
    CHECK(terms[0].term == "tea" && terms[0].tf == 1);
    CHECK(terms[1].term == longest && terms[1].tf == UINT32_MAX);
    CHECK(terms[2].term == std::string_view("\0\xFF", 2) && terms[2].tf == 128);

    const std::vector<Posting> postings = {{1, 1}, {2, 127}, {130, 128}, {uint64_t(1) << 62, UINT32_MAX}, {UINT64_MAX, 1}};
    std::vector<Posting> back;
    CHECK(decodePostings(encodePostings(postings), back));
    CHECK_EQ(postings.size(), back.size());
    for (size_t i = 0; i < postings.size(); ++i) CHECK(back[i].rid == postings[i].rid && back[i].tf == postings[i].tf);

    std::string tags;
    for (const char* tag : {"a", "", "ääää"}) encodeText(tags, tag);
    std::vector<std::string> texts;
    CHECK(decodeTexts(tags, texts));
    CHECK((texts == std::vector<std::string>{"a", "", "ääää"}));
}

TEST("neighbouring rows and small counts cost two bytes each") {
    std::vector<Posting> postings;
    for (uint64_t rid = 1'000'000; rid < 1'001'000; ++rid) postings.push_back({rid, 1});
    CHECK(encodePostings(postings).size() < 2010);
}

TEST("a vector is off by at most half a step of its largest component") {
    const std::vector<float> values = {0.5f, -1.0f, 0.25f, 0.001f, 0.0f, 0.99999f, -0.33333f};
    const auto q = throughVector(values).at(0);
    for (size_t i = 0; i < values.size(); ++i)
        CHECK(std::fabs(static_cast<float>(q.codes[i]) * q.scale - values[i]) <= 1.0f / 127 / 2 + 1e-6f);
    CHECK_EQ(-127, int(q.codes[1]));
}

TEST("vectors of zeros and of extreme sizes keep their signs") {
    const auto zeros = throughVector({0, 0, 0});
    for (int8_t code : zeros[0].codes) CHECK_EQ(0, int(code));
    const float most = std::numeric_limits<float>::max();
    const auto large = throughVector({most, -most, most / 2});
    CHECK(large[0].codes[0] == 127 && large[0].codes[1] == -127 && std::abs(large[0].codes[2] - 63.5) < 1);
    const float least = std::numeric_limits<float>::denorm_min();
    for (float tiny : {least, least * 3, least * 100, least * 1000}) {
        const auto small = throughVector({tiny, -tiny});
        CHECK(small[0].codes[0] >= 0 && small[0].codes[1] <= 0);
    }
}

TEST("several vectors stand in one blob") {
    std::string bytes;
    const float a[] = {1, 2}, b[] = {3};
    encodeVector(bytes, 1, a, 2);
    encodeVector(bytes, UINT32_MAX, b, 1);
    std::vector<QuantisedVector> out;
    CHECK(decodeVectors(bytes, out));
    CHECK_EQ(size_t(2), out.size());
    CHECK_EQ(UINT32_MAX, out[1].space);
    CHECK_EQ(size_t(1), out[1].codes.size());
}

TEST("bytes that were cut or changed are refused or differ, and never read beyond their end") {
    std::string terms, vectors, texts;
    encodeTerm(terms, "tea", 300);
    const float values[] = {1, 2, 3};
    encodeVector(vectors, 300, values, 3);
    encodeText(texts, std::string(200, 't'));
    const std::string postings = encodePostings({{300, 300}});
    std::vector<TermCount> t;
    std::vector<QuantisedVector> v;
    std::vector<std::string> s;
    std::vector<Posting> p;
    for (size_t n = 1; n < terms.size(); ++n) CHECK(!decodeTerms(std::string(terms, 0, n), t));
    for (size_t n = 1; n < vectors.size(); ++n) CHECK(!decodeVectors(std::string(vectors, 0, n), v));
    for (size_t n = 1; n < texts.size(); ++n) CHECK(!decodeTexts(std::string(texts, 0, n), s));
    for (size_t n = 1; n < postings.size(); ++n) CHECK(!decodePostings(std::string(postings, 0, n), p));
    const std::string endless(20, '\xFF');
    CHECK(!decodeTerms(endless, t) && !decodeVectors(endless, v) && !decodeTexts(endless, s) && !decodePostings(endless, p));
    const std::string huge = std::string(9, '\xFF') + '\x01';  // 2^64 - 1
    CHECK(!decodeTexts(huge + "abc", s));
    CHECK(!decodeVectors('\x01' + huge + "abcdefgh", v));
    CHECK(!decodePostings('\x01' + huge, p));
}
