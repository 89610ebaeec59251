// Model files made in memory, and what a reader says of a bad one. One thread.
#pragma once

#include "embed-static/malformed.hpp"
#include "support/test.hpp"

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace engram::testing {

inline std::string safetensors(const std::string& header, const std::string& tensors = {}) {
    const uint64_t length = header.size();
    return std::string(reinterpret_cast<const char*>(&length), sizeof length) + header + tensors;
}

template <class T>
std::string bytesOf(const std::vector<T>& values) {
    return std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
}

// A tokenizer of BERT's kind with these pieces, numbered in their order.
inline std::string bert(const std::vector<std::string>& pieces) {
    std::string vocabulary;
    for (size_t i = 0; i < pieces.size(); ++i)
        vocabulary += (i ? ", \"" : "\"") + pieces[i] + "\": " + std::to_string(i);
    return R"({"normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null,
        "lowercase": true}, "pre_tokenizer": {"type": "BertPreTokenizer"}, "model": {"type": "WordPiece", "unk_token": "[UNK]",
        "continuing_subword_prefix": "##", "max_input_chars_per_word": 100, "vocab": {)" + vocabulary + "}}}";
}

template <class F>
std::string refusalOf(F&& read) {
    try {
        read();
    } catch (const embed_static::Malformed& e) {
        return e.what();
    }
    return "";
}

inline void contains(const std::string& part, const std::string& text) {
    CHECK_MESSAGE("expected '" + part + "' in '" + text + "'", text.find(part) != std::string::npos);
}

}  // namespace engram::testing
