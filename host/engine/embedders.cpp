#include "engine/embedders.hpp"

#include <engram/cpp/text.hpp>

#include <algorithm>
#include <cmath>

namespace engram::engine {
namespace {

constexpr uint32_t kMaxDimensions = 65536;

Error failure(const Embedder& embedder, engram_status status, const std::string& why) {
    const std::string who = "the embedder '" + embedder.name + "'";
    const std::string cause = "status " + std::to_string(status) + (why.empty() ? "" : ": " + why);
    switch (status) {
        case ENGRAM_INVALID_ARGUMENT: return {"invalid_value", who + " refuses the text", "", "", cause};
        case ENGRAM_DEADLINE_EXCEEDED: return {"deadline_exceeded", who + " did not answer in time", "", "", cause};
        default: return {"unavailable", who + " does not answer", "", "", cause};
    }
}

}  // namespace

Embedders::Embedders(std::vector<EmbedBinding> bindings) {
    for (EmbedBinding& binding : bindings) {
        if (!binding.table) continue;
        ArenaCall call;
        engram_embed_info info{};
        info.size = sizeof info;
        if (binding.table->info(binding.self, call, &info) != ENGRAM_OK) continue;
        if (info.dimensions == 0 || info.dimensions > kMaxDimensions || info.model.len == 0) continue;
        Embedder embedder;
        embedder.name = binding.name;
        embedder.model = view(info.model);
        embedder.dimensions = info.dimensions;
        embedder.max_batch = std::max(1u, info.max_batch);
        embedder.pace = info.deterministic ? Embedder::Pace::Inline : Embedder::Pace::Background;
        embedder.binding = std::move(binding);
        all_.push_back(std::move(embedder));
    }
}

const Embedder* Embedders::named(std::string_view name) const {
    auto it = std::find_if(all_.begin(), all_.end(), [&](const Embedder& e) { return e.name == name; });
    return it == all_.end() ? nullptr : &*it;
}

const Embedder* Embedders::ofModel(std::string_view model) const {
    auto it = std::find_if(all_.begin(), all_.end(), [&](const Embedder& e) { return e.model == model; });
    return it == all_.end() ? nullptr : &*it;
}

Result<void> embedTexts(const Embedder& embedder, ArenaCall& call, uint32_t purpose, std::span<const std::string_view> texts,
                        EmbedDeadline deadline, std::span<float> out) {
    std::vector<engram_str> borrowed;
    for (std::string_view text : texts) borrowed.push_back(borrow(text));
    // steady_clock is CLOCK_MONOTONIC here, whose nanoseconds the call's deadline counts.
    call.setDeadline(static_cast<uint64_t>(
        std::chrono::duration_cast<std::chrono::nanoseconds>(deadline.time_since_epoch()).count()));
    const engram_status status = embedder.binding.table->embed(embedder.binding.self, call, purpose, borrowed.data(),
                                                               borrowed.size(), out.data(), nullptr);
    if (status != ENGRAM_OK) return failure(embedder, status, call.message());
    if (!std::all_of(out.begin(), out.end(), [](float value) { return std::isfinite(value); }))
        return failure(embedder, ENGRAM_INTERNAL, "a vector with a number that is not finite");
    return {};
}

}  // namespace engram::engine
