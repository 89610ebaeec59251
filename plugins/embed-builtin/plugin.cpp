// embed-builtin: vectors from hashed words and pieces of words; deterministic, local, nothing to download.
#include "features.hpp"

#include <engram/cpp/embed.hpp>
#include <engram/cpp/text.hpp>

namespace engram::embed_builtin {
namespace {

class EmbedBuiltin {
public:
    EmbedBuiltin(Host, Config) {}

    engram_status info(engram_call* call, engram_embed_info* out) {
        out->dimensions = kDimensions;
        out->max_batch = 1024;
        out->deterministic = 1;
        out->model = keep(call, "builtin-hash-256-r1");
        return ENGRAM_OK;
    }

    // Queries and documents are the same kind of text here, so `purpose` changes nothing.
    engram_status embed(engram_call*, uint32_t, const engram_str* texts, size_t n, float* out, uint64_t* tokens) {
        for (size_t i = 0; i < n; ++i) embedText(view(texts[i]), out + i * kDimensions);
        if (tokens) *tokens = 0;
        return ENGRAM_OK;
    }
};

}  // namespace
}  // namespace engram::embed_builtin

ENGRAM_PLUGIN(engram::embed_builtin::EmbedBuiltin, R"json({
  "id": "embed-builtin", "version": "0.1.0", "kind": "embed", "provides": ["engram.embed/1"],
  "services": [],
  "status": "beta", "license": "MIT",
  "description": "Vectors from hashed words and word pieces: deterministic, no model, no download",
  "config": {"type": "object", "additionalProperties": false, "properties": {}}
})json", engram::embed)
