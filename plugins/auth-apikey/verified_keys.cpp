#include "verified_keys.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <stdexcept>

namespace engram::auth_apikey {
namespace {

constexpr std::chrono::seconds kWrongFor{60};

}  // namespace

VerifiedKeys::VerifiedKeys(size_t capacity) : capacity_(capacity / 16 + 1) {
    if (RAND_priv_bytes(secret_.data(), static_cast<int>(secret_.size())) != 1)
        throw std::runtime_error("the system's random source failed");
}

Digest VerifiedKeys::digest(std::string_view token) const {
    Digest out{};
    unsigned length = 0;
    HMAC(EVP_sha256(), secret_.data(), static_cast<int>(secret_.size()),
         reinterpret_cast<const unsigned char*>(token.data()), token.size(), out.data(), &length);
    return out;
}

std::shared_ptr<const VerifiedKey> VerifiedKeys::find(const Digest& digest) {
    Shard& shard = shardOf(digest);
    std::lock_guard lock(shard.mutex);
    auto it = shard.verified.find(digest);
    return it == shard.verified.end() ? nullptr : it->second;
}

void VerifiedKeys::remember(const Digest& digest, std::shared_ptr<const VerifiedKey> key) {
    Shard& shard = shardOf(digest);
    std::lock_guard lock(shard.mutex);
    if (shard.verified.size() >= capacity_) shard.verified.erase(shard.verified.begin());
    shard.verified[digest] = std::move(key);
}

bool VerifiedKeys::knownWrong(const Digest& digest, Clock::time_point now) {
    Shard& shard = shardOf(digest);
    std::lock_guard lock(shard.mutex);
    auto it = shard.wrong.find(digest);
    if (it == shard.wrong.end()) return false;
    if (now - it->second < kWrongFor) return true;
    shard.wrong.erase(it);
    return false;
}

void VerifiedKeys::rememberWrong(const Digest& digest, Clock::time_point now) {
    Shard& shard = shardOf(digest);
    std::lock_guard lock(shard.mutex);
    if (shard.wrong.size() >= capacity_) shard.wrong.erase(shard.wrong.begin());
    shard.wrong[digest] = now;
}

}  // namespace engram::auth_apikey
