// How a tokenizer takes a text apart into words: the `pre_tokenizer` of tokenizer.json. Immutable; any thread.
#pragma once

#include "json_fields.hpp"

#include <functional>
#include <string>
#include <vector>

namespace engram::embed_static {

class PreTokenizer {
public:
    // nullptr: the text is one word. Throws Malformed; a kind that is not known is named.
    explicit PreTokenizer(const Json* description);

    std::vector<std::u32string> apply(std::u32string text) const;

private:
    using Words = std::vector<std::u32string>;
    // Takes a word apart; `place`: how many words came before it.
    using Step = std::function<void(const std::u32string& word, size_t place, Words& out)>;
    void add(const Json& description, unsigned depth);

    std::vector<Step> steps_;
};

}  // namespace engram::embed_static
