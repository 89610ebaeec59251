#include "operations/invite_token.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <array>

namespace engram::operations {
namespace {

constexpr std::string_view kPrefix = "egm_invite_", kScheme = "sha256:";
constexpr size_t kIdDigits = 32, kSecretDigits = 64;

void appendHex(std::string& out, const unsigned char* bytes, size_t n) {
    for (size_t i = 0; i < n; ++i) {
        out += "0123456789abcdef"[bytes[i] >> 4];
        out += "0123456789abcdef"[bytes[i] & 15];
    }
}

bool isHex(std::string_view text) { return text.find_first_not_of("0123456789abcdef") == std::string_view::npos; }

}  // namespace

Result<std::string> mintInviteToken(std::string_view invite_id) {
    std::array<unsigned char, kSecretDigits / 2> secret;
    if (RAND_priv_bytes(secret.data(), static_cast<int>(secret.size())) != 1)
        return Error{"internal", "the system's random source failed", "", ""};
    std::string token(kPrefix);
    for (char c : invite_id)
        if (c != '-') token += c;
    token += '_';
    appendHex(token, secret.data(), secret.size());
    OPENSSL_cleanse(secret.data(), secret.size());
    return token;
}

std::optional<std::string> inviteIdIn(std::string_view token) {
    if (token.size() != kPrefix.size() + kIdDigits + 1 + kSecretDigits || !token.starts_with(kPrefix)) return std::nullopt;
    const std::string_view digits = token.substr(kPrefix.size(), kIdDigits);
    if (!isHex(digits) || token[kPrefix.size() + kIdDigits] != '_') return std::nullopt;
    std::string id;
    for (size_t i = 0; i < digits.size(); ++i) {
        if (i == 8 || i == 12 || i == 16 || i == 20) id += '-';
        id += digits[i];
    }
    return id;
}

std::string inviteTokenHash(std::string_view token) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    EVP_Digest(token.data(), token.size(), digest, &length, EVP_sha256(), nullptr);
    std::string text(kScheme);
    appendHex(text, digest, length);
    return text;
}

bool isInviteToken(std::string_view token, std::string_view stored_hash) {
    const std::string hash = inviteTokenHash(token);
    return hash.size() == stored_hash.size() && CRYPTO_memcmp(hash.data(), stored_hash.data(), hash.size()) == 0;
}

}  // namespace engram::operations
