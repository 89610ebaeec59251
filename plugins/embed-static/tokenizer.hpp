// A text's pieces as numbers, as the model's tokenizer.json says (Hugging Face tokenizers). The file is hostile until checked.
// Immutable; any thread.
#pragma once

#include "normalizer.hpp"
#include "pre_tokenizer.hpp"
#include "vocabulary.hpp"

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace engram::embed_static {

inline constexpr size_t kMaxTokenizer = 64u << 20;  // bytes of tokenizer.json

class Tokenizer {
public:
    // Throws Malformed: no JSON, parts that are missing or wrong, kinds of parts that are not known.
    explicit Tokenizer(std::string_view json);

    // The first `most` pieces, unknown ones left out. Special tokens ("[CLS]") are neither added nor recognised in the text.
    std::vector<uint32_t> tokens(std::string_view text, size_t most) const;

    // Numbers are below this.
    uint32_t size() const { return vocabulary_->size(); }

private:
    std::unique_ptr<Normalizer> normalizer_;
    std::unique_ptr<PreTokenizer> pre_tokenizer_;
    std::unique_ptr<Vocabulary> vocabulary_;
};

}  // namespace engram::embed_static
