// An engine on storage-memory with a clock that tests move and an embedder that counts letters. One thread.
#pragma once

#include "engine/engine.hpp"
#include "support/plugin_under_test.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <future>
#include <numeric>
#include <optional>

namespace engram::testing {

class FakeClock final : public engine::Clock {
public:
    int64_t now() const override { return now_.load(); }
    void advance(int64_t milliseconds) { now_ += milliseconds; }

private:
    std::atomic<int64_t> now_{1'800'000'000'000};
};

// Four dimensions: how often a, b, c and d are there.
inline const engram_embed_v1 kLetters = {
    sizeof(engram_embed_v1), 0,
    [](void*, engram_call*, engram_embed_info* out) -> engram_status {
        out->dimensions = 4;
        out->deterministic = 1;
        out->model = engram_lit("letters");
        return ENGRAM_OK;
    },
    [](void*, engram_call*, uint32_t, const engram_str* texts, size_t n, float* out, uint64_t*) -> engram_status {
        for (size_t i = 0; i < n; ++i) {
            float* vector = out + i * 4;
            for (int d = 0; d < 4; ++d)
                vector[d] = static_cast<float>(std::ranges::count(view(texts[i]), static_cast<char>('a' + d)));
            const float length = std::sqrt(std::inner_product(vector, vector + 4, vector, 0.0f));
            for (int d = 0; length > 0 && d < 4; ++d) vector[d] /= length;
        }
        return ENGRAM_OK;
    }};

class EngineFixture {
public:
    static inline const std::string kTenant = "01890000-0000-7000-8000-000000000001";

    explicit EngineFixture(engine::Engine::Options options = {}, const engram_embed_v1* embed = &kLetters)
        : EngineFixture(std::move(options), std::vector<engine::EmbedBinding>{{embed, nullptr, "letters"}}) {}
    EngineFixture(engine::Engine::Options options, std::vector<engine::EmbedBinding> embedders)
        : plugin_(PLUGIN_STORAGE_MEMORY, host_),
          storage{plugin_.interface<engram_storage_v1>(ENGRAM_STORAGE), plugin_.self()},
          engine(storage, std::move(embedders), clock, options) {}

    // Runs a write and waits for its completion.
    template <class Start>
    Result<engine::Receipt> done(Start start) {
        std::promise<Result<engine::Receipt>> promise;
        start([&](Result<engine::Receipt> receipt) { promise.set_value(std::move(receipt)); });
        return promise.get_future().get();
    }

    // The answer of every write is the ids it was about, each with a comma.
    static engine::WriteOptions withKey(const std::string& key = {}, unsigned char hash = 0) {
        engine::WriteOptions options;
        options.idempotency_key = key;
        options.request_hash.fill(hash);
        options.render = [](std::span<const engine::Memory> memories) {
            std::string out;
            for (const auto& memory : memories) out += memory.id.text() + ",";
            return out;
        };
        return options;
    }

    Result<engine::Receipt> tryCreate(std::vector<engine::NewMemory> memories, engine::WriteOptions options = withKey()) {
        return done([&](auto d) { engine.create(kTenant, std::move(memories), std::move(options), d); });
    }
    static engine::NewMemory text(const std::string& content, const std::string& workspace = "default") {
        engine::NewMemory memory;
        memory.content = content;
        memory.workspace = workspace;
        return memory;
    }
    engine::Uuid create(const std::string& content, const std::string& workspace = "default") {
        auto receipt = tryCreate({text(content, workspace)});
        CHECK_MESSAGE(receipt ? "" : receipt.error().message, receipt.ok());
        return *engine::Uuid::parse(receipt->answer.substr(0, 36));
    }
    Result<engine::Receipt> update(const engine::Uuid& id, engine::MemoryPatch patch, std::optional<uint64_t> expected = {},
                                   engine::WriteOptions options = withKey()) {
        return done([&](auto d) { engine.update(kTenant, id, std::move(patch), expected, std::move(options), d); });
    }
    engine::SearchAnswer search(const engine::SearchQuery& query) {
        auto answer = engine.search(kTenant, query, {});
        CHECK_MESSAGE(answer ? "" : answer.error().message, answer.ok());
        return std::move(*answer);
    }
    Result<engine::Memory> get(const engine::Uuid& id) { return engine.get(kTenant, id, {}); }

private:
    FakeHost host_;
    PluginUnderTest plugin_;

public:
    FakeClock clock;
    engine::StorageBinding storage;
    engine::Engine engine;
};

}  // namespace engram::testing
