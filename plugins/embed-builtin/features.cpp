#include "features.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

namespace engram::embed_builtin {
namespace {

constexpr int32_t kWord = 12, kShortWord = 4, kPiece = 2, kPair = 3;  // weights
constexpr size_t kPlaces = 2;                                         // of a feature in the vector
constexpr size_t kLongestWord = 64;                                   // bytes; a longer one is cut

uint64_t mix(uint64_t x) {  // the finaliser of SplitMix64
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
}

uint64_t hash(std::string_view bytes, uint64_t seed) {  // FNV-1a, then mixed
    uint64_t h = 0xcbf29ce484222325ULL ^ seed;
    for (unsigned char c : bytes) h = (h ^ c) * 0x100000001b3ULL;
    return mix(h);
}

bool isWordByte(unsigned char c) {
    return c >= 0x80 || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

// ASCII, and the capitals of Latin-1, Greek and Cyrillic, which lie in two-byte sequences.
void lowercase(std::string& word) {
    for (size_t i = 0; i < word.size(); ++i) {
        const auto c = static_cast<unsigned char>(word[i]);
        if (c >= 'A' && c <= 'Z') word[i] = static_cast<char>(c + 32);
        if (i + 1 >= word.size()) continue;
        const auto d = static_cast<unsigned char>(word[i + 1]);
        auto become = [&](unsigned first, unsigned second) {
            word[i] = static_cast<char>(first);
            word[i + 1] = static_cast<char>(second);
        };
        if (c == 0xC3 && d >= 0x80 && d <= 0x9E && d != 0x97) become(0xC3, d + 0x20u);
        else if (c == 0xCE && d >= 0x91 && d <= 0x9F) become(0xCE, d + 0x20u);
        else if (c == 0xCE && d >= 0xA0 && d <= 0xA9) become(0xCF, d - 0x20u);
        else if (c == 0xD0 && d >= 0x90 && d <= 0x9F) become(0xD0, d + 0x20u);
        else if (c == 0xD0 && d >= 0xA0 && d <= 0xAF) become(0xD1, d - 0x20u);
    }
}

// Words that join others and say nothing alone; sorted.
bool isFunctionWord(std::string_view word) {
    static constexpr std::array<std::string_view, 64> kWords = {
        "a",    "about", "an",   "and",  "any",  "are",  "as",   "at",   "be",   "but",   "by",    "can",   "could",
        "did",  "do",    "does", "for",  "from", "had",  "has",  "have", "he",   "her",   "his",   "how",   "i",
        "if",   "in",    "is",   "it",   "its",  "me",   "my",   "not",  "of",   "on",    "or",    "our",   "re",
        "s",    "she",   "so",   "t",    "that", "the",  "their", "them", "they", "this", "to",    "was",   "we",
        "were", "what",  "when", "where", "which", "who", "why", "will", "with", "would", "you",   "your"};
    static_assert(std::is_sorted(kWords.begin(), kWords.end()));
    return word.size() <= 5 && std::binary_search(kWords.begin(), kWords.end(), word);
}

size_t letterBytes(std::string_view word, size_t at) {
    size_t n = 1;
    while (at + n < word.size() && (static_cast<unsigned char>(word[at + n]) & 0xC0) == 0x80) ++n;
    return n;
}

struct Feature {
    uint64_t hash = 0;
    int32_t weight = 0, count = 0;
};

// Features with their counts, in the order in which they came, and a table of open addressing that finds them. A thread
// keeps both for its next text.
class Features {
public:
    void clear() {
        places_.assign(std::clamp(places_.size(), kSmallest, kKept), kNone);
        features_.clear();
        before_ = 0;
    }

    void addWord(std::string_view bytes) {
        word_.assign(1, '<');
        word_.append(bytes);
        lowercase(word_);
        const std::string_view word = std::string_view(word_).substr(1);
        if (isFunctionWord(word)) return;
        const bool is_short = word.size() <= 2;
        const uint64_t feature = hash(word, 1);
        add(feature, is_short ? kShortWord : kWord);
        if (before_ != 0) add(mix(before_ * 31 + feature), kPair);
        before_ = feature;
        if (is_short) return;
        word_ += '>';
        addPieces(word_);
    }

    void writeTo(float* out) const {
        std::array<int64_t, kDimensions> sums{};
        for (const Feature& feature : features_) {
            // In 1/256, so that no rounding depends on the machine.
            const int64_t root =
                feature.count == 1 ? 256 : static_cast<int64_t>(std::sqrt(static_cast<double>(feature.count)) * 256.0);
            const int64_t weight = root * feature.weight;
            for (size_t place = 0; place < kPlaces; ++place) {
                const uint64_t h = mix(feature.hash + place * 0x9e3779b97f4a7c15ULL);
                const int64_t sign = static_cast<int64_t>(h >> 63) * 2 - 1;  // a branch would be guessed wrong half the time
                sums[h % kDimensions] += sign * weight;
            }
        }
        double squares = 0;
        for (int64_t sum : sums) squares += static_cast<double>(sum) * static_cast<double>(sum);
        const double length = std::sqrt(squares);
        for (size_t i = 0; i < kDimensions; ++i)
            out[i] = length > 0 ? static_cast<float>(static_cast<double>(sums[i]) / length) : 0.0f;
    }

private:
    static constexpr size_t kSmallest = 2048, kKept = 8192;  // places, powers of two
    static constexpr uint32_t kNone = UINT32_MAX;

    void add(uint64_t feature, int32_t weight) {
        if (2 * features_.size() >= places_.size()) grow();
        uint32_t& place = find(feature);
        if (place == kNone) {
            place = static_cast<uint32_t>(features_.size());
            features_.push_back({feature, weight, 0});
        }
        ++features_[place].count;
    }

    uint32_t& find(uint64_t feature) {
        const size_t mask = places_.size() - 1;
        size_t at = feature & mask;
        while (places_[at] != kNone && features_[places_[at]].hash != feature) at = (at + 1) & mask;
        return places_[at];
    }

    void grow() {
        places_.assign(places_.size() * 2, kNone);
        for (uint32_t i = 0; i < features_.size(); ++i) find(features_[i].hash) = i;
    }

    void addPieces(std::string_view word) {
        for (size_t at = 0; at < word.size(); at += letterBytes(word, at)) {
            size_t end = at;
            for (size_t letters = 1; letters <= 4 && end < word.size(); ++letters) {
                end += letterBytes(word, end);
                if (letters >= 3) add(hash(word.substr(at, end - at), 3), kPiece);
            }
        }
    }

    std::vector<uint32_t> places_;  // of features_, kNone where free
    std::vector<Feature> features_;
    uint64_t before_ = 0;  // the word before; 0 = none
    std::string word_;
};

}  // namespace

void embedText(std::string_view text, float* out) {
    text = text.substr(0, kMaxBytes);
    thread_local Features features;
    features.clear();
    size_t at = 0;
    while (at < text.size()) {
        size_t end = at;
        while (end < text.size() && isWordByte(static_cast<unsigned char>(text[end]))) ++end;
        if (end > at) features.addWord(text.substr(at, std::min(end - at, kLongestWord)));
        at = end + 1;
    }
    features.writeTo(out);
}

}  // namespace engram::embed_builtin
