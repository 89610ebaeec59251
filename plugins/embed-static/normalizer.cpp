#include "normalizer.hpp"

#include "charsmap.hpp"
#include "unicode_text.hpp"

#include <algorithm>
#include <memory>

namespace engram::embed_static {
namespace {

constexpr size_t kMaxSteps = 256, kMaxText = 1u << 20;  // code points: steps can make a text longer
constexpr unsigned kMaxDepth = 8;

// As BERT does it: without control characters, spaces made alike, spaces around ideographs, without accents, lower case.
struct Bert {
    Flag clean, ideographs, accents, lower_case;

    std::u32string operator()(std::u32string text) const {
        if (clean == Flag::Yes) {
            std::erase_if(text, [](char32_t c) { return c == 0 || c == 0xFFFD || isControl(c); });
            for (char32_t& c : text)
                if (isSpace(c)) c = U' ';
        }
        if (ideographs == Flag::Yes) {
            std::u32string spaced;
            for (char32_t c : text)
                if (isIdeograph(c)) spaced.append({U' ', c, U' '});
                else spaced.push_back(c);
            text.swap(spaced);
        }
        if (accents == Flag::Yes) {
            text = normalised(text, Form::D);
            std::erase_if(text, &isNonspacing);
        }
        if (lower_case == Flag::Yes) std::transform(text.begin(), text.end(), text.begin(), &lower);
        return text;
    }
};

struct Strip {
    Flag left, right;

    std::u32string operator()(std::u32string text) const {
        size_t begin = 0, end = text.size();
        while (left == Flag::Yes && begin < end && isSpace(text[begin])) ++begin;
        while (right == Flag::Yes && begin < end && isSpace(text[end - 1])) --end;
        return text.substr(begin, end - begin);
    }
};

struct Replace {
    std::u32string pattern, content;

    std::u32string operator()(std::u32string text) const {
        std::u32string out;
        size_t from = 0;
        for (size_t at; (at = text.find(pattern, from)) != std::u32string::npos && out.size() < kMaxText; from = at + pattern.size())
            out.append(text, from, at - from).append(content);
        return out.append(text, from);
    }
};

// The two regular expressions that tokenizers of this kind have: a run of spaces.
struct ReplaceSpaces {
    std::u32string content;
    size_t least;         // characters in a run
    bool (*belongs)(char32_t);

    std::u32string operator()(std::u32string text) const {
        std::u32string out;
        for (size_t i = 0; i < text.size();) {
            size_t end = i;
            while (end < text.size() && belongs(text[end])) ++end;
            if (end - i >= least) out.append(content);
            else out.append(text, i, std::max<size_t>(1, end - i));
            i = std::max(end, i + 1);
        }
        return out;
    }
};

std::function<std::u32string(std::u32string)> replacement(const Json& description) {
    const std::u32string content = decodeText(text(description, "content", ""));
    const Json* pattern = find(description, "pattern");
    if (!pattern) throw Malformed("normalizer 'Replace' has no pattern");
    if (find(*pattern, "String")) {
        Replace out{decodeText(text(*pattern, "String", "")), content};
        if (out.pattern.empty()) throw Malformed("normalizer 'Replace' has an empty pattern");
        return out;
    }
    const std::string regex = text(*pattern, "Regex", "");
    if (regex == "\\s+") return ReplaceSpaces{content, 1, &isSpace};
    if (regex == " {2,}") return ReplaceSpaces{content, 2, [](char32_t c) { return c == U' '; }};
    throw Malformed("normalizer 'Replace' with the regular expression '" + regex.substr(0, 40) + "' is not supported");
}

}  // namespace

Normalizer::Normalizer(const Json* description) {
    if (description) add(*description, 0);
}

void Normalizer::add(const Json& description, unsigned depth) {
    const std::string type = text(description, "type", "");
    if (depth > kMaxDepth || steps_.size() >= kMaxSteps) throw Malformed("the normalizer has too many parts");
    auto form = [](Form f) { return [f](std::u32string t) { return normalised(t, f); }; };
    if (type == "Sequence") {
        const Json* parts = find(description, "normalizers");
        if (!parts || !parts->IsArray()) throw Malformed("normalizer 'Sequence' has no normalizers");
        for (const Json& part : parts->GetArray()) add(part, depth + 1);
    } else if (type == "BertNormalizer") {
        const Flag lower_case = flag(description, "lowercase", Flag::Yes);
        steps_.push_back(Bert{flag(description, "clean_text", Flag::Yes), flag(description, "handle_chinese_chars", Flag::Yes),
                              flag(description, "strip_accents", lower_case), lower_case});
    } else if (type == "Lowercase") {
        steps_.push_back(Bert{Flag::No, Flag::No, Flag::No, Flag::Yes});
    } else if (type == "StripAccents") {
        steps_.push_back([](std::u32string t) {
            std::erase_if(t, &isMark);
            return t;
        });
    } else if (type == "Strip") {
        steps_.push_back(Strip{flag(description, "strip_left", Flag::Yes), flag(description, "strip_right", Flag::Yes)});
    } else if (type == "Prepend") {
        steps_.push_back([prefix = decodeText(text(description, "prepend", ""))](std::u32string t) { return t.empty() ? t : prefix + t; });
    } else if (type == "Replace") {
        steps_.push_back(replacement(description));
    } else if (type == "Precompiled") {
        auto map = std::make_shared<const Charsmap>(text(description, "precompiled_charsmap", ""));
        steps_.push_back([map](std::u32string t) { return decodeText(map->apply(encodeText(t))); });
    } else if (type == "NFC" || type == "NFD" || type == "NFKC" || type == "NFKD") {
        steps_.push_back(form(type == "NFC" ? Form::C : type == "NFD" ? Form::D : type == "NFKC" ? Form::KC : Form::KD));
    } else {
        throw Malformed("normalizer '" + type.substr(0, 40) + "' is not supported");
    }
}

std::u32string Normalizer::apply(std::u32string text) const {
    for (const Step& step : steps_) {
        text = step(std::move(text));
        if (text.size() > kMaxText) text.resize(kMaxText);
    }
    return text;
}

}  // namespace engram::embed_static
