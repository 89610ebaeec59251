#include "key_hash.hpp"

#include <argon2.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <stdexcept>
#include <vector>

namespace engram::auth_apikey {
namespace {

constexpr std::string_view kHmacPrefix = "$hmac-sha256$";
constexpr size_t kSaltLength = 16, kHashLength = 32;

std::string hmacHex(std::string_view key, const Pepper& pepper) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    if (!HMAC(EVP_sha256(), pepper.data(), static_cast<int>(pepper.size()),
              reinterpret_cast<const unsigned char*>(key.data()), key.size(), digest, &length))
        throw std::runtime_error("HMAC failed");
    std::string out;
    for (unsigned i = 0; i < length; ++i) {
        out += "0123456789abcdef"[digest[i] >> 4];
        out += "0123456789abcdef"[digest[i] & 15];
    }
    OPENSSL_cleanse(digest, sizeof digest);
    return out;
}

}  // namespace

std::string hashKey(Scheme scheme, std::string_view key, const Pepper& pepper, const Cost& cost) {
    if (scheme == Scheme::HmacSha256) return std::string(kHmacPrefix) + hmacHex(key, pepper);
    unsigned char salt[kSaltLength];
    if (RAND_bytes(salt, sizeof salt) != 1) throw std::runtime_error("the system's random source failed");
    std::vector<char> encoded(argon2_encodedlen(cost.iterations, cost.memory_kib, cost.lanes, kSaltLength, kHashLength,
                                                Argon2_id));
    const int failed = argon2id_hash_encoded(cost.iterations, cost.memory_kib, cost.lanes, key.data(), key.size(), salt,
                                             sizeof salt, kHashLength, encoded.data(), encoded.size());
    if (failed != ARGON2_OK) throw std::runtime_error(argon2_error_message(failed));
    return encoded.data();
}

bool isArgon2(std::string_view stored) { return stored.starts_with("$argon2id$"); }

bool verifyKey(std::string_view stored, std::string_view key, const Pepper& pepper) {
    if (isArgon2(stored)) {
        const std::string encoded(stored);
        return argon2id_verify(encoded.c_str(), key.data(), key.size()) == ARGON2_OK;
    }
    if (!stored.starts_with(kHmacPrefix)) return false;
    const std::string expected = std::string(kHmacPrefix) + hmacHex(key, pepper);
    return expected.size() == stored.size() && CRYPTO_memcmp(expected.data(), stored.data(), expected.size()) == 0;
}

}  // namespace engram::auth_apikey
