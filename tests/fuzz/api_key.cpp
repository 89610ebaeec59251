// The text of an API key, as strangers send it.
#include "fuzz/harness.hpp"

#include "plugins/auth-apikey/key_format.hpp"

#include <string>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
    using namespace engram;
    const std::string_view key = fuzz::text(bytes, size);
    const auto parts = auth_apikey::parseKey(key);
    if (!parts) return 0;
    fuzz::require(key.starts_with(parts->prefix) && parts->prefix.size() == 21, "the prefix is the key's");
    fuzz::require(parts->secret.size() == 43, "the secret has 256 bits");
    // One character changed anywhere is another checksum (a CRC-32 finds every burst of 32 bits).
    for (size_t i = 0; i < key.size(); ++i) {
        std::string changed(key);
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        fuzz::require(!auth_apikey::parseKey(changed), "a changed key is refused");
    }
    return 0;
}
