#include "tokenizer.hpp"

#include "unicode_text.hpp"

namespace engram::embed_static {

Tokenizer::Tokenizer(std::string_view json) {
    if (json.size() > kMaxTokenizer) throw Malformed("more than " + std::to_string(kMaxTokenizer) + " bytes");
    rapidjson::Document document;
    document.Parse<rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag>(json.data(), json.size());
    if (document.HasParseError() || !document.IsObject()) throw Malformed("not a JSON object");
    const Json* model = find(document, "model");
    if (!model) throw Malformed("no 'model'");
    normalizer_ = std::make_unique<Normalizer>(find(document, "normalizer"));
    pre_tokenizer_ = std::make_unique<PreTokenizer>(find(document, "pre_tokenizer"));
    vocabulary_ = Vocabulary::from(*model);
    if (vocabulary_->size() == 0) throw Malformed("the vocabulary is empty");
}

std::vector<uint32_t> Tokenizer::tokens(std::string_view text, size_t most) const {
    std::vector<uint32_t> out;
    for (const std::u32string& word : pre_tokenizer_->apply(normalizer_->apply(decodeText(text)))) {
        vocabulary_->split(word, out);
        if (out.size() >= most) break;
    }
    if (out.size() > most) out.resize(most);
    return out;
}

}  // namespace engram::embed_static
