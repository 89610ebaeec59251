#include "engine/analysis.hpp"

#include "engine/unicode.hpp"
#include "json/utf8.hpp"

#include <libstemmer.h>

#include <algorithm>
#include <array>
#include <memory>
#include <unordered_map>

namespace engram::engine {
namespace {

constexpr size_t kMaxTerm = 64;
constexpr size_t kMaxWord = 256;  // bytes; the rest of a longer run of letters is dropped

struct StemmerEnd {
    void operator()(sb_stemmer* stemmer) const { sb_stemmer_delete(stemmer); }
};

// Snowball's English stemmer (Porter 2); one a thread, since it keeps a buffer.
std::string_view stem(std::string_view word) {
    thread_local const std::unique_ptr<sb_stemmer, StemmerEnd> stemmer(sb_stemmer_new("english", "UTF_8"));
    if (!stemmer) return word;
    const auto* stemmed = sb_stemmer_stem(stemmer.get(), reinterpret_cast<const sb_symbol*>(word.data()),
                                          static_cast<int>(word.size()));
    if (!stemmed) return word;
    return {reinterpret_cast<const char*>(stemmed), static_cast<size_t>(sb_stemmer_length(stemmer.get()))};
}

constexpr std::array<std::string_view, 94> kStopWords = {
    "a",     "about", "am",    "an",    "and",   "any",   "are",   "as",    "at",    "be",     "been",  "being",
    "but",   "by",    "can",   "could", "d",     "did",   "do",    "does",  "doing", "for",    "from",  "had",
    "has",   "have",  "having", "he",   "her",   "hers",  "him",   "his",   "how",   "i",      "if",    "in",
    "into",  "is",    "it",    "its",   "just",  "ll",    "m",     "me",    "might", "my",     "of",    "on",
    "or",    "our",   "re",    "s",     "she",   "should", "so",   "some",  "t",     "than",   "that",  "the",
    "their", "them",  "then",  "there", "these", "they",  "this",  "those", "to",    "too",    "ve",    "very",
    "was",   "we",    "were",  "what",  "when",  "where", "which", "while", "who",   "whom",   "whose", "why",
    "will",  "with",  "would", "you",   "your",  "yours", "us",    "may",   "also",  "not"};

enum class Words { All, Telling };

class Collector {
public:
    explicit Collector(Words words) : words_(words) {}

    void word(const std::string& word) {
        if (words_ == Words::Telling && isStopWord(word)) return;
        add(stem(word));
    }
    void add(std::string_view term) {
        if (term.empty()) return;
        std::string text = json::brief(term, kMaxTerm);
        ++out_.length;
        auto [it, fresh] = index_.emplace(text, out_.terms.size());
        if (fresh) out_.terms.push_back({std::move(text), 1});
        else ++out_.terms[it->second].count;
    }
    Analysis take() { return std::move(out_); }

private:
    Words words_;
    Analysis out_;
    std::unordered_map<std::string, size_t> index_;
};

Analysis run(std::string_view text, Words words) {
    Collector out(words);
    std::string word, previous_wide, wide;
    auto endWord = [&] {
        if (!word.empty()) out.word(word);
        word.clear();
    };
    auto endWide = [&](bool alone) {
        if (alone && !previous_wide.empty()) out.add(previous_wide);
        previous_wide.clear();
    };
    bool wide_paired = false;
    for (size_t at = 0; at < text.size();) {
        const char32_t c = unicode::next(text, at);
        const unicode::Class kind = unicode::classify(c);
        if (kind == unicode::Class::Ideograph) {
            endWord();
            wide.clear();
            unicode::append(wide, c);
            if (!previous_wide.empty()) {
                out.add(previous_wide + wide);
                wide_paired = true;
            } else {
                wide_paired = false;
            }
            previous_wide = wide;
            continue;
        }
        endWide(!wide_paired);
        if (kind == unicode::Class::Letter) {
            if (word.size() < kMaxWord) unicode::appendFolded(word, c);
        } else if (kind != unicode::Class::Mark) {
            endWord();
        }
    }
    endWord();
    endWide(!wide_paired);
    return out.take();
}

}  // namespace

bool isStopWord(std::string_view word) {
    return std::find(kStopWords.begin(), kStopWords.end(), word) != kStopWords.end();
}

Analysis analyse(std::string_view text) { return run(text, Words::All); }

Analysis analyseQuery(std::string_view text) {
    Analysis telling = run(text, Words::Telling);
    return telling.terms.empty() ? run(text, Words::All) : telling;
}

}  // namespace engram::engine
