// How often each letter occurs, as a vector.
#include <engram/cpp/embed.hpp>

#include <cmath>

namespace {

constexpr size_t kLetters = 26;

class TinyEmbed {
public:
    TinyEmbed(engram::Host, engram::Config) {}

    engram_status info(engram_call* call, engram_embed_info* out) {
        out->dimensions = kLetters;
        out->max_batch = 16;
        out->deterministic = 1;
        out->model = engram::keep(call, "letters-1");
        return ENGRAM_OK;
    }
    engram_status embed(engram_call*, uint32_t, const engram_str* texts, size_t n, float* out, uint64_t*) {
        for (size_t i = 0; i < n; ++i, out += kLetters) {
            float squares = 0;
            for (size_t d = 0; d < kLetters; ++d) out[d] = 0;
            for (char c : engram::view(texts[i]))
                if (c >= 'a' && c <= 'z') out[c - 'a'] += 1;
            for (size_t d = 0; d < kLetters; ++d) squares += out[d] * out[d];
            for (size_t d = 0; squares > 0 && d < kLetters; ++d) out[d] /= std::sqrt(squares);
        }
        return ENGRAM_OK;
    }
};

}  // namespace

ENGRAM_PLUGIN(TinyEmbed, R"({"id": "tiny-embed", "version": "1.0.0", "kind": "embed", "provides": ["engram.embed/1"]})",
              engram::embed)
