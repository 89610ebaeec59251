// An embedder that does what a test wants: answers, fails, hangs until it is let go, refuses a text, or lies. Counts letters from
// `first` on, so that two of them disagree. Any thread.
#pragma once

#include "engine/embedders.hpp"

#include <engram/cpp/text.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <limits>
#include <string>
#include <thread>

namespace engram::testing {

class MoodyEmbedder {
public:
    enum class Mood { Good, Fails, Hangs, NotANumber };
    static constexpr uint32_t kDimensions = 4;

    explicit MoodyEmbedder(std::string model, Mood at_first = Mood::Good, char first = 'a')
        : mood(at_first), model_(std::move(model)), first_(first) {}
    MoodyEmbedder(const MoodyEmbedder&) = delete;
    ~MoodyEmbedder() { mood = Mood::Good; }

    engine::EmbedBinding binding() { return {&kTable, this, model_}; }

    std::atomic<Mood> mood;
    std::atomic<uint32_t> deterministic{0};
    std::atomic<int> calls{0}, hanging{0};
    std::string refuses{};  // a text with this in it; set before the first call

private:
    static engram_status info(void* self, engram_call*, engram_embed_info* out) {
        auto& embedder = *static_cast<MoodyEmbedder*>(self);
        out->dimensions = kDimensions;
        out->max_batch = 8;
        out->deterministic = embedder.deterministic;
        out->model = borrow(embedder.model_);
        return ENGRAM_OK;
    }

    static engram_status embed(void* self, engram_call* call, uint32_t, const engram_str* texts, size_t n, float* out, uint64_t*) {
        auto& embedder = *static_cast<MoodyEmbedder*>(self);
        ++embedder.calls;
        ++embedder.hanging;
        while (embedder.mood == Mood::Hangs && !call->ops->cancelled(call)) std::this_thread::yield();
        --embedder.hanging;
        if (call->ops->cancelled(call)) return ENGRAM_CANCELLED;
        if (embedder.mood == Mood::Fails) return fail(call, ENGRAM_UNAVAILABLE, "in a bad mood");
        for (size_t i = 0; i < n; ++i) {
            if (!embedder.refuses.empty() && view(texts[i]).find(embedder.refuses) != std::string_view::npos)
                return fail(call, ENGRAM_INVALID_ARGUMENT, "not that text");
            embedder.count(view(texts[i]), out + i * kDimensions);
        }
        return ENGRAM_OK;
    }

    void count(std::string_view text, float* out) const {
        float squares = 0;
        for (uint32_t d = 0; d < kDimensions; ++d) {
            out[d] = static_cast<float>(std::ranges::count(text, static_cast<char>(first_ + d)));
            squares += out[d] * out[d];
        }
        for (uint32_t d = 0; squares > 0 && d < kDimensions; ++d) out[d] /= std::sqrt(squares);
        if (mood == Mood::NotANumber) out[0] = std::numeric_limits<float>::quiet_NaN();
    }

    static constexpr engram_embed_v1 kTable = {sizeof(engram_embed_v1), 0, &MoodyEmbedder::info, &MoodyEmbedder::embed};
    const std::string model_;
    const char first_;
};

// For what happens on threads of the engine.
template <class Condition>
bool happens(Condition condition) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!condition()) {
        if (std::chrono::steady_clock::now() > end) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return true;
}

}  // namespace engram::testing
