#include "verified_keys.hpp"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <atomic>
#include <stdexcept>

namespace engram::auth_apikey {
namespace {

constexpr std::chrono::seconds kWrongFor{60};

// Instances are told apart by number: a new one may lie where an old one was.
uint64_t nextNumber() {
    static std::atomic<uint64_t> last{0};
    return ++last;
}

void end(EVP_MAC_CTX* context) { EVP_MAC_CTX_free(context); }

// HMAC-SHA-256 with the key set: looking the algorithm up and setting the key cost more than the hash.
MacContext keyedMac(const Digest& key) {
    EVP_MAC* hmac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
    MacContext context(hmac ? EVP_MAC_CTX_new(hmac) : nullptr, &end);
    EVP_MAC_free(hmac);
    char digest[] = "SHA256";
    const OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), OSSL_PARAM_construct_end()};
    if (!context || EVP_MAC_init(context.get(), key.data(), key.size(), parameters) != 1)
        throw std::runtime_error("OpenSSL has no HMAC-SHA-256");
    return context;
}

}  // namespace

VerifiedKeys::VerifiedKeys(size_t capacity) : number_(nextNumber()), capacity_(capacity / 16 + 1), mac_(nullptr, &end) {
    Digest secret;
    if (RAND_priv_bytes(secret.data(), static_cast<int>(secret.size())) != 1)
        throw std::runtime_error("the system's random source failed");
    mac_ = keyedMac(secret);
    OPENSSL_cleanse(secret.data(), secret.size());
}

Digest VerifiedKeys::digest(std::string_view token) const {
    // A thread's own copy of the context, made again should another instance use the thread.
    thread_local uint64_t owner = 0;
    thread_local MacContext mac(nullptr, &end);
    if (owner != number_) {
        mac.reset(EVP_MAC_CTX_dup(mac_.get()));
        owner = number_;
    }
    Digest out{};
    size_t length = 0;
    if (!mac || EVP_MAC_init(mac.get(), nullptr, 0, nullptr) != 1 ||
        EVP_MAC_update(mac.get(), reinterpret_cast<const unsigned char*>(token.data()), token.size()) != 1 ||
        EVP_MAC_final(mac.get(), out.data(), &length, out.size()) != 1)
        throw std::runtime_error("HMAC failed");
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
    if (shard.verified.size() >= capacity_ && !shard.verified.contains(digest)) shard.verified.erase(shard.verified.begin());
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
    if (shard.wrong.size() >= capacity_ && !shard.wrong.contains(digest)) shard.wrong.erase(shard.wrong.begin());
    shard.wrong[digest] = now;
}

}  // namespace engram::auth_apikey
