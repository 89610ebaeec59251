#include "auth-apikey/key_format.hpp"

#include "support/test.hpp"

#include <set>

using namespace engram::auth_apikey;

TEST("a minted key is of its environment and is parsed") {
    for (const char* environment : {"live", "test"}) {
        const std::string key = mintKey(environment);
        CHECK_EQ(size_t(71), key.size());
        const auto parts = parseKey(key);
        CHECK(parts.has_value());
        CHECK_EQ(size_t(21), parts->prefix.size());
        CHECK(parts->prefix.starts_with("egm_" + std::string(environment) + "_"));
        CHECK_EQ(size_t(43), parts->secret.size());
        CHECK(key.starts_with(parts->prefix));
    }
}

TEST("the checksum is zlib's CRC-32 in base 62") {
    // crc32("egm_live_000000000000_" + 43 * "0") by another program (Python's zlib), in base 62.
    CHECK(parseKey("egm_live_000000000000_" + std::string(43, '0') + "1pzEOX").has_value());
}

TEST("a key with any one character changed is refused") {
    const std::string key = mintKey("live");
    for (size_t i = 0; i < key.size(); ++i)
        for (char c : {'a', 'Z', '0', '_', '\0', '\xC3'}) {
            std::string changed = key;
            if (changed[i] == c) continue;
            changed[i] = c;
            CHECK_MESSAGE(changed, !parseKey(changed));
        }
}

TEST("two neighbours swapped, a character more or less, and other texts are refused") {
    const std::string key = mintKey("test");
    for (size_t i = 1; i < key.size(); ++i) {
        std::string swapped = key;
        std::swap(swapped[i - 1], swapped[i]);
        if (swapped != key) CHECK_MESSAGE(swapped, !parseKey(swapped));
    }
    for (const std::string& text : {std::string(), key + "0", key.substr(1), key.substr(0, 70), " " + key.substr(0, 70),
                                    "egm_prod_" + key.substr(9), std::string(71, 'a'), std::string(1'000'000, 'a')})
        CHECK(!parseKey(text));
}

TEST("keys do not repeat, and use the whole alphabet") {
    std::set<std::string> keys;
    std::set<char> characters;
    for (int i = 0; i < 500; ++i) {
        const std::string key = mintKey("live");
        CHECK(keys.insert(key).second);
        const auto parts = parseKey(key);
        CHECK(parts.has_value());
        characters.insert(parts->secret.begin(), parts->secret.end());
    }
    CHECK_EQ(size_t(62), characters.size());
}
