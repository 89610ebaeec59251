#include "static_model.hpp"

#include "malformed.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <cmath>

namespace engram::embed_static {
namespace {

constexpr size_t kMaxModel = 8ull << 30;
constexpr uint64_t kMaxDimensions = 65536;
constexpr size_t kPage = 4096, kSample = 64, kWhole = 1u << 20;  // bytes; of the first all count

// Not a whole SHA-256: of a model of gigabytes that would take seconds at every start.
std::string fingerprintOf(std::string_view safetensors, std::string_view tokenizer) {
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> hash(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    EVP_DigestInit_ex(hash.get(), EVP_sha256(), nullptr);
    EVP_DigestUpdate(hash.get(), tokenizer.data(), tokenizer.size());
    const std::string_view begin = safetensors.substr(0, kWhole);
    EVP_DigestUpdate(hash.get(), begin.data(), begin.size());
    for (size_t at = kWhole; at < safetensors.size(); at += kPage)
        EVP_DigestUpdate(hash.get(), safetensors.data() + at, std::min(kSample, safetensors.size() - at));
    EVP_DigestFinal_ex(hash.get(), digest, &length);
    std::string out;
    for (size_t i = 0; i < 6 && i < length; ++i) {
        out += "0123456789abcdef"[digest[i] >> 4];
        out += "0123456789abcdef"[digest[i] & 15];
    }
    return out;
}

bool isWhole(Tensor::Type type) { return type == Tensor::Type::I64 || type == Tensor::Type::I32; }

// Runs `read` and says of which file it complains.
template <class F>
auto of(const std::string& path, F&& read) {
    try {
        return read();
    } catch (const Malformed& e) {
        throw Malformed(path + ": " + e.what());
    }
}

}  // namespace

StaticModel StaticModel::open(const std::string& folder) {
    const std::string tensors = folder + "/model.safetensors", tokenizer = folder + "/tokenizer.json";
    MappedFile tensors_file(tensors, kMaxModel), tokenizer_file(tokenizer, kMaxTokenizer);
    auto parsed = of(tokenizer, [&] { return Tokenizer(tokenizer_file.bytes()); });
    StaticModel model = of(tensors, [&] { return StaticModel(tensors_file.bytes(), tokenizer_file.bytes(), std::move(parsed)); });
    model.safetensors_file_.emplace(std::move(tensors_file));
    return model;
}

StaticModel::StaticModel(std::string_view safetensors, std::string_view tokenizer)
    : StaticModel(safetensors, tokenizer, Tokenizer(tokenizer)) {}

StaticModel::StaticModel(std::string_view safetensors, std::string_view tokenizer, Tokenizer parsed)
    : tokenizer_(std::move(parsed)), fingerprint_(fingerprintOf(safetensors, tokenizer)) {
    auto tensors = readSafetensors(safetensors);
    auto found = tensors.find("embeddings");
    if (found == tensors.end()) throw Malformed("there is no tensor 'embeddings' of a known type");
    embeddings_ = found->second;
    if (auto it = tensors.find("weights"); it != tensors.end()) weights_ = it->second;
    if (auto it = tensors.find("mapping"); it != tensors.end()) mapping_ = it->second;
    check();
    dimensions_ = static_cast<uint32_t>(embeddings_.shape[1]);
}

void StaticModel::check() const {
    if (embeddings_.shape.size() != 2 || isWhole(embeddings_.type)) throw Malformed("tensor 'embeddings' is not a matrix of numbers");
    const uint64_t rows = embeddings_.shape[0], columns = embeddings_.shape[1];
    if (columns == 0 || columns > kMaxDimensions) throw Malformed("tensor 'embeddings' has " + std::to_string(columns) + " columns, expected 1 to 65536");
    const uint64_t pieces = mapping_ ? mapping_->elements() : rows;
    if (tokenizer_.size() > pieces)
        throw Malformed("the tokenizer knows " + std::to_string(tokenizer_.size()) + " pieces, the model " + std::to_string(pieces));
    if (weights_ && (weights_->shape.size() != 1 || isWhole(weights_->type) || weights_->elements() < tokenizer_.size()))
        throw Malformed("tensor 'weights' is not one number a piece");
    if (!mapping_) return;
    if (mapping_->shape.size() != 1 || !isWhole(mapping_->type)) throw Malformed("tensor 'mapping' is not one whole number a piece");
    for (uint64_t i = 0; i < mapping_->elements(); ++i)
        if (const double row = mapping_->number(i); row < 0 || row >= static_cast<double>(rows))
            throw Malformed("tensor 'mapping' leads outside of 'embeddings'");
}

bool StaticModel::embed(std::string_view text, size_t most_tokens, float* out) const {
    std::fill(out, out + dimensions_, 0.0f);
    const std::vector<uint32_t> tokens = tokenizer_.tokens(text, most_tokens);
    for (uint32_t token : tokens) {
        const uint64_t row = mapping_ ? static_cast<uint64_t>(mapping_->number(token)) : token;
        const float weight = weights_ ? static_cast<float>(weights_->number(token)) : 1.0f;
        embeddings_.addTo(out, row * dimensions_, dimensions_, weight);
    }
    // The mean and the sum have the same direction.
    double squares = 0;
    for (uint32_t i = 0; i < dimensions_; ++i) squares += static_cast<double>(out[i]) * static_cast<double>(out[i]);
    if (!std::isfinite(squares)) return false;
    const double length = std::sqrt(squares);
    for (uint32_t i = 0; i < dimensions_; ++i) out[i] = length > 0 ? static_cast<float>(out[i] / length) : 0.0f;
    return true;
}

}  // namespace engram::embed_static
