#include "http/ticket_keys.hpp"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <cstring>

namespace engram::http {
namespace {

bool startMac(EVP_MAC_CTX* mac, const unsigned char* key, size_t size) {
    char digest[] = "SHA256";
    OSSL_PARAM parameters[] = {OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, const_cast<unsigned char*>(key), size),
                               OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                               OSSL_PARAM_construct_end()};
    return EVP_MAC_CTX_set_params(mac, parameters) == 1;
}

}  // namespace

bool TicketKeys::rotate(Clock::time_point now) {
    if (current_.there && now - current_.since < kRotation) return true;
    Key fresh;
    if (RAND_bytes(fresh.name.data(), static_cast<int>(fresh.name.size())) != 1 ||
        RAND_priv_bytes(fresh.cipher.data(), static_cast<int>(fresh.cipher.size())) != 1 ||
        RAND_priv_bytes(fresh.mac.data(), static_cast<int>(fresh.mac.size())) != 1)
        return false;
    fresh.since = now;
    fresh.there = true;
    // After a long pause the current key is as old as one that has been replaced twice.
    const bool still_opens = current_.there && now - current_.since < 2 * kRotation;
    previous_ = still_opens ? current_ : Key{};
    current_ = fresh;
    OPENSSL_cleanse(&fresh, sizeof fresh);
    return true;
}

bool TicketKeys::seal(unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac,
                      Clock::time_point now) {
    std::lock_guard lock(mutex_);
    if (!rotate(now) || RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1) return false;
    std::memcpy(name, current_.name.data(), current_.name.size());
    return EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), nullptr, current_.cipher.data(), iv) == 1 &&
           startMac(mac, current_.mac.data(), current_.mac.size());
}

TicketKeys::Found TicketKeys::open(const unsigned char* name, const unsigned char* iv, EVP_CIPHER_CTX* cipher,
                                   EVP_MAC_CTX* mac, Clock::time_point now) {
    std::lock_guard lock(mutex_);
    if (!rotate(now)) return Found::No;
    for (const Key* key : {&current_, &previous_}) {
        if (!key->there || std::memcmp(name, key->name.data(), key->name.size()) != 0) continue;
        if (EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key->cipher.data(), iv) != 1 ||
            !startMac(mac, key->mac.data(), key->mac.size()))
            return Found::No;
        return key == &current_ ? Found::Current : Found::Previous;
    }
    return Found::No;
}

}  // namespace engram::http
