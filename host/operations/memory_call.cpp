#include "operations/memory_call.hpp"

#include "operations/memory_json.hpp"

#include <openssl/evp.h>

namespace engram::operations {
namespace {

std::array<uint8_t, 32> hashOf(std::string_view operation, std::string_view request) {
    std::string text(operation);
    text.push_back('\0');
    text.append(request);
    std::array<uint8_t, 32> hash{};
    unsigned length = 0;
    EVP_Digest(text.data(), text.size(), hash.data(), &length, EVP_sha256(), nullptr);
    return hash;
}

// Storage checks them in the write's own transaction, so that parallel writers cannot pass one.
std::vector<engine::Limit> engineLimits(const Limits& limits) {
    std::vector<engine::Limit> out;
    auto add = [&](std::string counter, std::string unit, const std::optional<uint64_t>& max) {
        if (max) out.push_back({std::move(counter), *max, std::move(unit)});
    };
    add("records." + std::to_string(ENGRAM_KIND_MEMORY), "memories", limits.memories);
    add("records." + std::to_string(ENGRAM_KIND_IDENTITY), "identities", limits.identities);
    add("records." + std::to_string(ENGRAM_KIND_SESSION), "sessions", limits.sessions);
    add("bytes", "storage_bytes", limits.storage_bytes);
    return out;
}

// An answer is kept with the idempotency key; a purge of what it quotes empties it.
std::optional<Error> answerPurged(const engine::Receipt& receipt) {
    if (receipt.origin != engine::Receipt::Origin::Replayed || !receipt.answer.empty()) return std::nullopt;
    return Error{"memory_not_found", "this request was done once, and what it wrote has been purged since",
                 "use a new idempotency key to store it again", ""};
}

}  // namespace

engine::WriteOptions writeOptions(const Invocation& call, std::string_view operation, engine::Render render) {
    engine::WriteOptions options;
    options.idempotency_key = call.idempotency_key;
    if (!call.idempotency_key.empty()) options.request_hash = hashOf(operation, call.request_bytes);
    options.render = std::move(render);
    options.limits = engineLimits(call.caller.limits);
    return options;
}

engine::ReadOptions readOptions(const Invocation& call) {
    engine::ReadOptions options;
    options.at_least_lsn = numberOr(call.input, "at_least_lsn", 0);
    options.thread = call.thread == Thread::Io ? engine::ReadOptions::Thread::Io : engine::ReadOptions::Thread::Lane;
    return options;
}

std::optional<uint64_t> expectedVersion(const json::Value& input) {
    const json::Value* version = json::find(input, "expected_version");
    return version ? std::optional<uint64_t>(version->GetUint64()) : std::nullopt;
}

std::string renderMemory(std::span<const engine::Memory> memories) {
    json::Buffer buffer;
    json::Writer out(buffer);
    out.StartObject();
    out.Key("memory");
    writeMemory(out, memories.front());
    return {buffer.GetString(), buffer.GetSize()};
}

std::string renderNothing(std::span<const engine::Memory>) { return "{"; }

std::string withLsn(std::string open_object, uint64_t lsn) {
    if (open_object.empty()) open_object = "{";
    if (open_object.size() > 1) open_object += ',';
    open_object += "\"lsn\":" + std::to_string(lsn) + "}";
    return open_object;
}

engine::WriteDone finish(Done done, Usage usage) {
    return [done = std::move(done), usage = std::move(usage)](Result<engine::Receipt> receipt) mutable {
        if (!receipt) return done(receipt.error());
        done(Answer{withLsn(std::move(receipt->answer), receipt->lsn), 0, {}, std::move(usage)});
    };
}

engine::WriteDone finishFromAnswer(Done done, Usage usage) {
    return [done = std::move(done), usage = std::move(usage)](Result<engine::Receipt> receipt) mutable {
        if (!receipt) return done(receipt.error());
        if (auto purged = answerPurged(*receipt)) return done(std::move(*purged));
        Answer answer{withLsn(std::move(receipt->answer), receipt->lsn), 0, {}, std::move(usage)};
        if (auto parsed = json::parse(answer.body))
            if (const json::Value* memory = json::find(*parsed, "memory")) {
                answer.version = numberOr(*memory, "version", 0);
                answer.location = textOr(*memory, "id", "");
                answer.usage.workspace = textOr(*memory, "workspace", "");
            }
        done(std::move(answer));
    };
}

}  // namespace engram::operations
