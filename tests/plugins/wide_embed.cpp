// Dense vectors of 384 dimensions for benchmarks: each word is a pseudo-random direction, a text the sum of its words.
#include <engram/cpp/embed.hpp>

#include <cmath>
#include <cstdint>

namespace {

constexpr size_t kDimensions = 384;

uint64_t mix(uint64_t x) {  // SplitMix64
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
}

void addWord(uint64_t hash, float* out) {
    for (size_t d = 0; d < kDimensions; d += 64) {
        uint64_t bits = mix(hash + d);
        for (size_t i = 0; i < 64; ++i, bits >>= 1) out[d + i] += bits & 1 ? 1.0f : -1.0f;
    }
}

void addText(std::string_view text, float* out) {
    uint64_t hash = 0;
    for (const char c : text) {
        if (c != ' ') {
            hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL + 1;
            continue;
        }
        if (hash) addWord(hash, out);
        hash = 0;
    }
    if (hash) addWord(hash, out);
}

class WideEmbed {
public:
    WideEmbed(engram::Host, engram::Config) {}

    engram_status info(engram_call* call, engram_embed_info* out) {
        out->dimensions = kDimensions;
        out->max_batch = 1024;
        out->deterministic = 1;
        out->model = engram::keep(call, "wide-1");
        return ENGRAM_OK;
    }
    engram_status embed(engram_call*, uint32_t, const engram_str* texts, size_t n, float* out, uint64_t*) {
        for (size_t i = 0; i < n; ++i, out += kDimensions) {
            for (size_t d = 0; d < kDimensions; ++d) out[d] = 0;
            addText(engram::view(texts[i]), out);
            float squares = 0;
            for (size_t d = 0; d < kDimensions; ++d) squares += out[d] * out[d];
            for (size_t d = 0; squares > 0 && d < kDimensions; ++d) out[d] /= std::sqrt(squares);
        }
        return ENGRAM_OK;
    }
};

}  // namespace

ENGRAM_PLUGIN(WideEmbed, R"({"id": "wide-embed", "version": "1.0.0", "kind": "embed", "provides": ["engram.embed/1"]})",
              engram::embed)
