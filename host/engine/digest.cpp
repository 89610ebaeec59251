#include "engine/digest.hpp"

#include <openssl/evp.h>

namespace engram::engine {

std::string hexDigest(std::string_view text, size_t bytes) {
    constexpr char kDigits[] = "0123456789abcdef";
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    EVP_Digest(text.data(), text.size(), digest, &length, EVP_sha256(), nullptr);
    std::string out;
    for (size_t i = 0; i < bytes; ++i) {
        out += kDigits[digest[i] >> 4];
        out += kDigits[digest[i] & 15];
    }
    return out;
}

}  // namespace engram::engine
