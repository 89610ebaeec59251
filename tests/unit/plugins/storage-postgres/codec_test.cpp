#include "storage-postgres/codec.hpp"

#include "support/test.hpp"

#include <cmath>

using namespace engram::storage_postgres;

TEST("terms and tags come back as they were, at the edges of their numbers") {
    std::string bytes;
    encodeTerm(bytes, "tea", 1);
    encodeTerm(bytes, std::string(64, 'x'), UINT32_MAX);
    encodeTerm(bytes, std::string_view("\0\xFF", 2), 128);
    std::vector<TermCount> terms;
    CHECK(decodeTerms(bytes, terms));
    CHECK_EQ(size_t(3), terms.size());
    CHECK(terms[1].term == std::string(64, 'x') && terms[1].tf == UINT32_MAX);
    CHECK(terms[2].term == std::string_view("\0\xFF", 2) && terms[2].tf == 128);
    std::string tags;
    for (const char* tag : {"a", "", "with space"}) encodeText(tags, tag);
    std::vector<std::string> back;
    CHECK(decodeTexts(tags, back));
    CHECK(back == (std::vector<std::string>{"a", "", "with space"}));
}

TEST("bytes that end too soon or say more than there is are refused") {
    std::string bytes;
    encodeTerm(bytes, "mountain", 300);
    for (size_t n = 1; n < bytes.size(); ++n) {
        std::vector<TermCount> terms;
        CHECK_MESSAGE(std::to_string(n), !decodeTerms(std::string_view(bytes).substr(0, n), terms));
    }
    std::vector<std::string> texts;
    CHECK(!decodeTexts("\x7f", texts));
    CHECK(!decodeTexts(std::string(11, '\xff'), texts));
}

TEST("a quantised component is off by at most half a 127th of the largest; a vector of zeros stays one") {
    std::vector<float> values;
    for (int i = 0; i < 384; ++i) values.push_back(std::sin(static_cast<float>(i)) * 3);
    const Quantised q = quantise(values.data(), 384);
    CHECK_EQ(size_t(384), q.codes.size());
    for (size_t i = 0; i < values.size(); ++i)
        CHECK(std::fabs(static_cast<float>(codeAt(q.codes, i)) * q.scale - values[i]) <= 3.0f / 254 + 1e-5f);
    const std::vector<float> zeros(8, 0.0f);
    CHECK(quantise(zeros.data(), 8).codes == std::string(8, '\0'));
}

TEST("what PostgreSQL takes as text is known before it is asked") {
    for (const char* good : {"", "tea", "b\xc3\xa4r", "\xe2\x82\xac", "\xf0\x9f\x90\x88", "\xed\x9f\xbf", "\xee\x80\x80", "\xf4\x8f\xbf\xbf"})
        CHECK_MESSAGE(good, isText(good));
    for (const char* bad : {"\x80", "\xc3", "\xc0\xaf", "\xc1\xbf", "\xe0\x80\x80", "\xed\xa0\x80", "\xf0\x80\x80\x80", "\xf4\x90\x80\x80",
                            "\xf5\x80\x80\x80", "a\xff", "\xe2\x82"})
        CHECK_MESSAGE(bad, !isText(bad));
    CHECK(!isText(std::string_view("a\0b", 3)));
}
