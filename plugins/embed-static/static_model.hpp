// A model as Model2Vec writes it: one vector a piece of text, the mean of which is the text's vector. Immutable; any thread.
#pragma once

#include "mapped_file.hpp"
#include "safetensors.hpp"
#include "tokenizer.hpp"

#include <memory>
#include <optional>
#include <string>

namespace engram::embed_static {

class StaticModel {
public:
    // From a folder with model.safetensors and tokenizer.json. Throws Malformed, the message names file and reason.
    static StaticModel open(const std::string& folder);

    // From the two files' bytes; those of the tensors must live as long. Throws Malformed.
    StaticModel(std::string_view safetensors, std::string_view tokenizer);

    uint32_t dimensions() const { return dimensions_; }
    // Changes when the model does: hex digits of a hash over the tokenizer, the tensors' first MiB and a sample of
    // every further page.
    const std::string& fingerprint() const { return fingerprint_; }

    // The text's vector of length 1 into `out`; all zero where no piece of it is known. False: the model gives a number that is
    // not finite.
    bool embed(std::string_view text, size_t most_tokens, float* out) const;

private:
    StaticModel(std::string_view safetensors, std::string_view tokenizer, Tokenizer parsed);
    void check() const;

    std::optional<MappedFile> safetensors_file_;
    Tokenizer tokenizer_;
    Tensor embeddings_;
    std::optional<Tensor> weights_;  // of a piece in the mean
    std::optional<Tensor> mapping_;  // piece to row, where pieces share vectors
    uint32_t dimensions_ = 0;
    std::string fingerprint_;
};

}  // namespace engram::embed_static
