// What a tokenizer does to a text before it takes it apart: the `normalizer` of tokenizer.json. Immutable; any thread.
#pragma once

#include "json_fields.hpp"

#include <functional>
#include <string>
#include <vector>

namespace engram::embed_static {

class Normalizer {
public:
    // nullptr: nothing is done. Throws Malformed; a kind that is not known is named.
    explicit Normalizer(const Json* description);

    std::u32string apply(std::u32string text) const;

private:
    using Step = std::function<std::u32string(std::u32string)>;
    void add(const Json& description, unsigned depth);

    std::vector<Step> steps_;
};

}  // namespace engram::embed_static
