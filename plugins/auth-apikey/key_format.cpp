#include "key_format.hpp"

#include <openssl/rand.h>

#include <array>
#include <cstdint>
#include <stdexcept>

namespace engram::auth_apikey {
namespace {

constexpr std::string_view kAlphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr size_t kIdLength = 12, kSecretLength = 43, kChecksumLength = 6;

uint32_t crc32(std::string_view text) {
    uint32_t crc = 0xFFFFFFFFu;
    for (unsigned char c : text) {
        crc ^= c;
        for (int i = 0; i < 8; ++i) crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
    }
    return ~crc;
}

std::string checksum(std::string_view text) {
    uint32_t value = crc32(text);
    std::string out(kChecksumLength, '0');
    for (size_t i = kChecksumLength; i-- > 0; value /= 62) out[i] = kAlphabet[value % 62];
    return out;
}

bool isBase62(std::string_view text) { return text.find_first_not_of(kAlphabet) == std::string_view::npos; }

// Random characters without bias: bytes of 248 and more are thrown away (248 = 4 * 62).
std::string randomText(size_t length) {
    std::string out;
    while (out.size() < length) {
        std::array<unsigned char, 64> bytes;
        if (RAND_priv_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1)
            throw std::runtime_error("the system's random source failed");
        for (unsigned char b : bytes)
            if (b < 248 && out.size() < length) out.push_back(kAlphabet[b % 62]);
    }
    return out;
}

}  // namespace

std::optional<KeyParts> parseKey(std::string_view key) {
    constexpr size_t kLength = 9 + kIdLength + 1 + kSecretLength + kChecksumLength;
    if (key.size() != kLength) return std::nullopt;
    if (!key.starts_with("egm_live_") && !key.starts_with("egm_test_")) return std::nullopt;
    const std::string_view id = key.substr(9, kIdLength);
    const std::string_view secret = key.substr(9 + kIdLength + 1, kSecretLength);
    if (key[9 + kIdLength] != '_' || !isBase62(id) || !isBase62(secret)) return std::nullopt;
    const std::string_view body = key.substr(0, kLength - kChecksumLength);
    if (checksum(body) != key.substr(body.size())) return std::nullopt;
    return KeyParts{key.substr(0, 9 + kIdLength), secret};
}

std::string mintKey(std::string_view environment) {
    std::string key = "egm_" + std::string(environment) + "_" + randomText(kIdLength) + "_" + randomText(kSecretLength);
    return key + checksum(key);
}

}  // namespace engram::auth_apikey
