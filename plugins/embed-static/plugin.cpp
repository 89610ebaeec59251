// embed-static: vectors from a model of word pieces in a folder, without a network and without a GPU.
#include "malformed.hpp"
#include "static_model.hpp"

#include <engram/cpp/embed.hpp>

#include <memory>

namespace engram::embed_static {
namespace {

class EmbedStatic {
public:
    EmbedStatic(Host host, Config config)
        : host_(host), folder_(config.text("/folder")), name_(config.text("/name")),
          most_tokens_(static_cast<size_t>(config.integer("/max_tokens", 512))) {
        while (folder_.size() > 1 && folder_.ends_with('/')) folder_.pop_back();
        if (name_.empty()) name_ = folder_.substr(folder_.rfind('/') + 1);
    }

    engram_status start(engram_call* call) {
        try {
            model_ = std::make_unique<StaticModel>(StaticModel::open(folder_));
        } catch (const Malformed& e) {
            return fail(call, ENGRAM_FAILED_PRECONDITION, e.what());
        }
        space_ = name_ + "/" + std::to_string(model_->dimensions()) + "@" + model_->fingerprint();
        host_.info("model opened", {{"folder", folder_}, {"model", space_}});
        return ENGRAM_OK;
    }

    engram_status info(engram_call* call, engram_embed_info* out) {
        out->dimensions = model_->dimensions();
        out->max_batch = 256;
        out->deterministic = 1;
        out->model = keep(call, space_);
        return ENGRAM_OK;
    }

    // Queries and documents are the same kind of text for such a model.
    engram_status embed(engram_call* call, uint32_t, const engram_str* texts, size_t n, float* out, uint64_t* tokens) {
        for (size_t i = 0; i < n; ++i, out += model_->dimensions()) {
            const std::string_view text = view(texts[i]).substr(0, most_tokens_ * kBytesAToken);
            if (!model_->embed(text, most_tokens_, out))
                return fail(call, ENGRAM_INTERNAL, "the model gives numbers that are not finite: the file is damaged");
        }
        if (tokens) *tokens = 0;
        return ENGRAM_OK;
    }

private:
    static constexpr size_t kBytesAToken = 16;  // of a text, at most: what comes after its last token need not be looked at

    Host host_;
    std::string folder_, name_, space_;
    const size_t most_tokens_;
    std::unique_ptr<StaticModel> model_;
};

}  // namespace
}  // namespace engram::embed_static

ENGRAM_PLUGIN(engram::embed_static::EmbedStatic, R"json({
  "id": "embed-static", "version": "0.1.0", "kind": "embed", "provides": ["engram.embed/1"],
  "services": ["engram.host.log/1", "engram.host.json/1"],
  "status": "beta", "license": "MIT",
  "description": "Vectors from a Model2Vec model in a local folder: synonyms without a network or a GPU",
  "config": {"type": "object", "additionalProperties": false, "required": ["folder"], "properties": {
    "folder": {"type": "string", "minLength": 1, "maxLength": 4096, "description": "Folder with model.safetensors and tokenizer.json"},
    "name": {"type": "string", "maxLength": 128, "default": "", "description": "What the model is called; the folder's name if empty"},
    "max_tokens": {"type": "integer", "minimum": 1, "maximum": 65536, "default": 512, "description": "The first pieces of a text that count"}}}
})json", engram::embed)
