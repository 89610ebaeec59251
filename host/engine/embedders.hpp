// The embedders of the configuration, by name and by model, and calls of them with what they answer checked.
//
// Made once; afterwards immutable. Any thread.
#pragma once

#include "engine/storage.hpp"

#include <engram/cpp/result.hpp>

#include <chrono>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace engram::engine {

struct Embedder {
    // Inline: cheap and local, so a memory is written with its vector. Background: it may be slow, far away or down; the
    // vector comes later.
    enum class Pace { Inline, Background };
    std::string name;   // of the plugin's instance
    std::string model;  // another model is another vector space
    uint32_t dimensions = 0;
    uint32_t max_batch = 1;
    Pace pace = Pace::Inline;
    EmbedBinding binding;
};

class Embedders {
public:
    // Asks each what it is; one that cannot tell, or tells nonsense, is left out.
    explicit Embedders(std::vector<EmbedBinding> bindings);

    const std::vector<Embedder>& all() const { return all_; }
    // The first of the configuration; nullptr: there is none.
    const Embedder* preferred() const { return all_.empty() ? nullptr : &all_.front(); }
    const Embedder* named(std::string_view name) const;
    const Embedder* ofModel(std::string_view model) const;

private:
    std::vector<Embedder> all_;
};

using EmbedDeadline = std::chrono::steady_clock::time_point;

// Vectors of texts, one after the other in `out` (texts.size() * dimensions numbers). Purpose: ENGRAM_EMBED_*. `call` is the
// caller's, who may cancel it. Errors: invalid_value (the embedder refuses a text for good), deadline_exceeded, unavailable
// (anything else, also an answer that is no vector); the cause says what the embedder said.
Result<void> embedTexts(const Embedder& embedder, ArenaCall& call, uint32_t purpose, std::span<const std::string_view> texts,
                        EmbedDeadline deadline, std::span<float> out);

}  // namespace engram::engine
