#include "pre_tokenizer.hpp"

#include "unicode_text.hpp"

#include <algorithm>

namespace engram::embed_static {
namespace {

using Words = std::vector<std::u32string>;

constexpr size_t kMaxSteps = 32;
constexpr unsigned kMaxDepth = 8;

enum class Class { Space, Alone, Word, Other };

// Runs of one class are words; characters of Alone are one each; spaces are left out.
template <class Classify>
void splitByClass(const std::u32string& text, Words& out, Classify classify) {
    for (size_t i = 0; i < text.size();) {
        const Class kind = classify(text[i]);
        size_t end = i + 1;
        while (kind != Class::Alone && end < text.size() && classify(text[end]) == kind) ++end;
        if (kind != Class::Space) out.push_back(text.substr(i, end - i));
        i = end;
    }
}

// SentencePiece's way: a mark takes the place of each space and stands at the beginning of its word.
struct Metaspace {
    char32_t mark;
    enum class Prepend { Always, First, Never } prepend;
    Flag split;

    void operator()(const std::u32string& word, size_t place, Words& out) const {
        std::u32string text = word;
        std::replace(text.begin(), text.end(), U' ', mark);
        const bool wanted = prepend == Prepend::Always || (prepend == Prepend::First && place == 0);
        if (wanted && !text.empty() && text.front() != mark) text.insert(text.begin(), mark);
        if (text.empty()) return;
        if (split == Flag::No) return out.push_back(std::move(text));
        for (size_t i = 0; i < text.size();) {
            const size_t end = std::min(text.find(mark, i + 1), text.size());
            out.push_back(text.substr(i, end - i));
            i = end;
        }
    }
};

Metaspace metaspace(const Json& description) {
    const std::u32string mark = decodeText(text(description, "replacement", "\xE2\x96\x81"));
    if (mark.size() != 1) throw Malformed("pre_tokenizer 'Metaspace' has a replacement that is not one character");
    const Flag prefix = flag(description, "add_prefix_space", Flag::Yes);  // of older files
    const std::string scheme = text(description, "prepend_scheme", prefix == Flag::Yes ? "always" : "never");
    const auto prepend = scheme == "never" ? Metaspace::Prepend::Never
                         : scheme == "first" ? Metaspace::Prepend::First
                                             : Metaspace::Prepend::Always;
    return {mark.front(), prepend, flag(description, "split", Flag::Yes)};
}

}  // namespace

PreTokenizer::PreTokenizer(const Json* description) {
    if (description) add(*description, 0);
}

void PreTokenizer::add(const Json& description, unsigned depth) {
    const std::string type = text(description, "type", "");
    if (depth > kMaxDepth || steps_.size() >= kMaxSteps) throw Malformed("the pre_tokenizer has too many parts");
    if (type == "Sequence") {
        const Json* parts = find(description, "pretokenizers");
        if (!parts || !parts->IsArray()) throw Malformed("pre_tokenizer 'Sequence' has no pretokenizers");
        for (const Json& part : parts->GetArray()) add(part, depth + 1);
    } else if (type == "BertPreTokenizer") {
        steps_.push_back([](const std::u32string& word, size_t, Words& out) {
            splitByClass(word, out, [](char32_t c) { return isSpace(c) ? Class::Space : isPunctuation(c) ? Class::Alone : Class::Word; });
        });
    } else if (type == "Whitespace") {
        steps_.push_back([](const std::u32string& word, size_t, Words& out) {
            splitByClass(word, out, [](char32_t c) { return isSpace(c) ? Class::Space : isWordCharacter(c) ? Class::Word : Class::Other; });
        });
    } else if (type == "WhitespaceSplit") {
        steps_.push_back([](const std::u32string& word, size_t, Words& out) {
            splitByClass(word, out, [](char32_t c) { return isSpace(c) ? Class::Space : Class::Word; });
        });
    } else if (type == "Punctuation" && text(description, "behavior", "Isolated") == "Isolated") {
        steps_.push_back([](const std::u32string& word, size_t, Words& out) {
            splitByClass(word, out, [](char32_t c) { return isPunctuation(c) ? Class::Alone : Class::Word; });
        });
    } else if (type == "Metaspace") {
        steps_.push_back(metaspace(description));
    } else {
        throw Malformed("pre_tokenizer '" + type.substr(0, 40) + "' is not supported");
    }
}

std::vector<std::u32string> PreTokenizer::apply(std::u32string text) const {
    Words words;
    if (!text.empty()) words.push_back(std::move(text));
    for (const Step& step : steps_) {
        Words next;
        for (size_t i = 0; i < words.size(); ++i) step(words[i], i, next);
        words.swap(next);
    }
    return words;
}

}  // namespace engram::embed_static
