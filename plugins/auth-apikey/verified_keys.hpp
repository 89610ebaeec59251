// What this process knows of tokens it has seen: those that were verified, and those that were wrong.
//
// Looked up by a keyed hash of the token (the key is random and of this process), so that neither the table nor its
// timing tells anything about a token. Bounded. Any thread.
#pragma once

#include <openssl/types.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace engram::auth_apikey {

struct VerifiedKey {
    std::string id, prefix, tenant, name, stored_hash;
    std::string member;  // user id of the member it acts for; empty = of nobody
    std::vector<std::string> scopes;
    int64_t expires_at = 0;  // milliseconds; 0 = never
    uint64_t epoch = 0;      // of the control plane when its document was read
};

using Digest = std::array<unsigned char, 32>;
using MacContext = std::unique_ptr<EVP_MAC_CTX, void (*)(EVP_MAC_CTX*)>;

class VerifiedKeys {
public:
    using Clock = std::chrono::steady_clock;

    explicit VerifiedKeys(size_t capacity);

    // A keyed hash by which tokens are found; the key never leaves this process.
    Digest digest(std::string_view token) const;

    std::shared_ptr<const VerifiedKey> find(const Digest& digest);
    void remember(const Digest& digest, std::shared_ptr<const VerifiedKey> key);

    // True if the token was found wrong within the last minute.
    bool knownWrong(const Digest& digest, Clock::time_point now);
    void rememberWrong(const Digest& digest, Clock::time_point now);

private:
    struct Hash {
        size_t operator()(const Digest& d) const {
            size_t h;
            static_assert(sizeof h <= sizeof d);
            __builtin_memcpy(&h, d.data(), sizeof h);  // the digest is uniform already
            return h;
        }
    };
    struct Shard {
        std::mutex mutex;
        std::unordered_map<Digest, std::shared_ptr<const VerifiedKey>, Hash> verified;
        std::unordered_map<Digest, Clock::time_point, Hash> wrong;
    };
    Shard& shardOf(const Digest& digest) { return shards_[digest[31] % shards_.size()]; }

    const uint64_t number_;  // of this instance, in this process
    size_t capacity_;        // a shard
    MacContext mac_;   // keyed with a secret of this process; copied, never used itself
    std::array<Shard, 16> shards_;
};

}  // namespace engram::auth_apikey
