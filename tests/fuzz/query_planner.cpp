// Query text of any bytes, against a few hundred memories in storage-memory: analysis, planning, matching, scoring. What
// comes back is bounded, in order, from the workspace asked for, and the same when asked again.
#include "fuzz/harness.hpp"

#include "engine/engine.hpp"
#include "support/fake_host.hpp"

#include <dlfcn.h>

#include <cmath>
#include <future>
#include <memory>
#include <string>

namespace {

using namespace engram;

constexpr const char* kTenant = "01a00000-0000-7000-8000-000000000001";

struct FixedClock final : engine::Clock {
    int64_t now() const override { return 1'764'000'000'000; }
};

class Memories {
public:
    Memories() {
        void* library = dlopen(PLUGIN_STORAGE_MEMORY, RTLD_NOW | RTLD_LOCAL);
        fuzz::require(library != nullptr, "storage-memory can be loaded");
        const engram_plugin* plugin = reinterpret_cast<engram_entry_fn>(dlsym(library, ENGRAM_ENTRY_SYMBOL))();
        ArenaCall call;
        void* self = nullptr;
        fuzz::require(plugin->create(host_.get(), engram_lit("{}"), call, &self) == ENGRAM_OK, "it can be made");
        fuzz::require(plugin->start(self, call) == ENGRAM_OK, "it starts");
        const auto* table = static_cast<const engram_storage_v1*>(plugin->get(self, ENGRAM_STORAGE));
        engine_ = std::make_unique<engine::Engine>(engine::StorageBinding{table, self}, std::vector<engine::EmbedBinding>{}, clock_,
                                                   engine::Engine::Options{});
        fill();
    }

    Result<engine::SearchAnswer> search(const engine::SearchQuery& query) { return engine_->search(kTenant, query, {}); }

private:
    void fill() {
        constexpr const char* kWords[] = {"green", "tea", "mountain", "caf\xC3\xA9", "\xE6\x9D\xB1\xE4\xBA\xAC", "running",
                                          "and",   "x1",  "Stra\xC3\x9F" "e", "e\xCC\x81", "don't", "2026-11-25"};
        std::vector<engine::NewMemory> memories;
        for (size_t i = 0; i < 300; ++i) {
            engine::NewMemory memory;
            memory.workspace = i % 3 ? "default" : "other";
            for (size_t w = 0; w < 2 + i % 7; ++w) memory.content += std::string(kWords[(i * 7 + w * w) % 12]) + " ";
            memories.push_back(std::move(memory));
        }
        std::promise<bool> stored;
        engine_->create(kTenant, std::move(memories), {}, [&](Result<engine::Receipt> r) { stored.set_value(bool(r)); });
        fuzz::require(stored.get_future().get(), "the memories are stored");
    }

    testing::FakeHost host_;
    FixedClock clock_;
    std::unique_ptr<engine::Engine> engine_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
    static Memories& memories = *new Memories;  // its threads outlive main() under libFuzzer
    if (size == 0) return 0;
    engine::SearchQuery query;
    query.limit = 1 + bytes[0] % 20;
    query.explain = engine::SearchQuery::Explain::Yes;
    if (bytes[0] & 0x80) query.workspaces = {"other"};
    query.text = fuzz::text(bytes + 1, size - 1);
    const auto answer = memories.search(query);
    fuzz::require(static_cast<bool>(answer), "any text can be asked for");
    fuzz::require(answer->hits.size() <= query.limit, "no more than asked for");
    for (size_t i = 0; i < answer->hits.size(); ++i) {
        const engine::Hit& hit = answer->hits[i];
        fuzz::require(std::isfinite(hit.score) && (i == 0 || hit.score <= answer->hits[i - 1].score), "best first");
        fuzz::require(query.workspaces.empty() || hit.memory.workspace == "other", "from the workspace asked for");
        fuzz::require(static_cast<bool>(json::parse(hit.explainJson())), "the explanation is JSON");
    }
    const auto again = memories.search(query);
    fuzz::require(again && again->hits.size() == answer->hits.size(), "the same again");
    for (size_t i = 0; i < answer->hits.size(); ++i)
        fuzz::require(again->hits[i].memory.id == answer->hits[i].memory.id, "in the same order");
    return 0;
}
