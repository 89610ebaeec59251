#include "embed-builtin/features.hpp"

#include "support/test.hpp"

#include <openssl/evp.h>

#include <array>
#include <cmath>
#include <thread>

using namespace engram::embed_builtin;

namespace {

using Vector = std::array<float, kDimensions>;

Vector embed(std::string_view text) {
    Vector out;
    out.fill(NAN);
    embedText(text, out.data());
    return out;
}

double dot(const Vector& a, const Vector& b) {
    double sum = 0;
    for (size_t i = 0; i < kDimensions; ++i) sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
    return sum;
}

double similarity(std::string_view a, std::string_view b) { return dot(embed(a), embed(b)); }

std::string sha256(const std::vector<Vector>& vectors) {
    std::string bytes;
    for (const Vector& vector : vectors) bytes.append(reinterpret_cast<const char*>(vector.data()), sizeof vector);
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    EVP_Digest(bytes.data(), bytes.size(), digest, &length, EVP_sha256(), nullptr);
    std::string out;
    for (unsigned i = 0; i < 8; ++i) {
        out += "0123456789abcdef"[digest[i] >> 4];
        out += "0123456789abcdef"[digest[i] & 15];
    }
    return out;
}

const std::vector<std::string>& texts() {
    static const std::vector<std::string> all = {"Ada prefers green tea", "ΑΘΗΝΑ Москва Straße café", "東京都の猫", "x", "the of and",
                                                 std::string(40'000, 'z'), "a\xFF\xFE\x80z", "one two three four five six seven"};
    return all;
}

}  // namespace

TEST("a text with a word gives a vector of length 1, another zeros") {
    for (const std::string& text : texts()) {
        if (text == "the of and") continue;
        CHECK_MESSAGE(text.substr(0, 40), std::fabs(dot(embed(text), embed(text)) - 1) < 1e-6);
    }
    for (const char* text : {"", "  ,.;!? \n", "the of and"}) CHECK(dot(embed(text), embed(text)) == 0);
}

// Vectors of these texts are in the files of every user: another hash is another model, so its name must change with it.
TEST("the vectors are those of the model's name, to the bit") {
    std::vector<Vector> vectors;
    for (const std::string& text : texts()) vectors.push_back(embed(text));
    CHECK_TEXT("dfa317393a3b097b", sha256(vectors));
}

TEST("what was embedded before, and on which thread, makes no difference") {
    const Vector first = embed(texts()[0]);
    std::string large;
    for (int i = 0; i < 8000; ++i) large += "w" + std::to_string(i) + " ";
    embed(large);
    CHECK(first == embed(texts()[0]));
    Vector other{};
    std::thread([&] { other = embed(texts()[0]); }).join();
    CHECK(first == other);
}

TEST("forms of a word are near, strangers are not") {
    for (auto [a, b] : {std::pair<const char*, const char*>{"climbing", "climber"}, {"memory", "memories"}, {"recall", "recalled"}})
        for (const char* stranger : {"tea", "stone", "window", "guitar", "yesterday"})
            CHECK_MESSAGE(std::string(a) + " " + b + " " + std::to_string(similarity(a, b)) + " " + stranger + " " +
                              std::to_string(similarity(a, stranger)),
                          similarity(a, b) > similarity(a, stranger) + 0.02);
    CHECK(similarity("green tea", "green tea") > 0.999);
    CHECK(similarity("green tea in the morning", "morning tea") > similarity("green tea in the morning", "a grey stone"));
}

TEST("case does not matter, in Latin, Greek and Cyrillic") {
    CHECK(similarity("GREEN TEA", "green tea") > 0.999);
    CHECK(similarity("ÉCOLE", "école") > 0.999);
    CHECK(similarity("ΑΘΗΝΑ", "αθηνα") > 0.999);
    CHECK(similarity("МОСКВА", "москва") > 0.999);
}

TEST("the order of words matters a little, words that join do not") {
    const double swapped = similarity("dog bites man today", "man bites dog today");
    CHECK(swapped > 0.7 && swapped < 0.999);
    CHECK(similarity("the cat and the dog", "cat dog") > 0.999);
}

TEST("a word said often does not drown the others") {
    std::string often;
    for (int i = 0; i < 20; ++i) often += "tea ";
    CHECK(similarity(often + "stone", "stone") > 0.1);
}

TEST("bytes beyond the limit do not move the vector") {
    const std::string words = "alpha beta gamma ";
    std::string text;
    while (text.size() < kMaxBytes) text += words;
    text.resize(kMaxBytes);
    CHECK(embed(text) == embed(text + " delta epsilon"));
}
