#include "auth-apikey/key_hash.hpp"

#include "support/test.hpp"

#include <algorithm>

using namespace engram::auth_apikey;

namespace {

constexpr Cost kCheap{64, 1, 1};  // the default takes tens of milliseconds

Pepper pepper(unsigned char c) {
    Pepper out;
    out.fill(c);
    return out;
}

}  // namespace

TEST("a key verifies against its own hash, in either scheme, and no other") {
    for (Scheme scheme : {Scheme::Argon2id, Scheme::HmacSha256}) {
        const std::string stored = hashKey(scheme, "the key", pepper(1), kCheap);
        CHECK(verifyKey(stored, "the key", pepper(1)));
        for (const std::string& wrong : {std::string("the kez"), std::string("the ke"), std::string("the key "), std::string(),
                                         std::string("the key\0", 8)})
            CHECK(!verifyKey(stored, wrong, pepper(1)));
        CHECK(stored.find("the key") == std::string::npos);
    }
}

TEST("argon2id is salted and tells its parameters; the default is OWASP's minimum") {
    const std::string one = hashKey(Scheme::Argon2id, "k", pepper(1), kCheap), two = hashKey(Scheme::Argon2id, "k", pepper(1), kCheap);
    CHECK(one != two);
    CHECK(one.starts_with("$argon2id$v=19$m=64,t=1,p=1$"));
    CHECK(isArgon2(one));
    CHECK(hashKey(Scheme::Argon2id, "k", pepper(1), {}).starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
}

TEST("HMAC is RFC 4231's, and another pepper is another hash") {
    // Test case 1 of RFC 4231 has a key of 20 bytes 0x0b; HMAC pads keys with zeros, so 12 of them change nothing.
    Pepper rfc{};
    std::fill(rfc.begin(), rfc.begin() + 20, static_cast<unsigned char>(0x0b));
    const std::string stored = hashKey(Scheme::HmacSha256, "Hi There", rfc, {});
    CHECK_TEXT("$hmac-sha256$b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7", stored);
    CHECK(!isArgon2(stored));
    CHECK(!verifyKey(stored, "Hi There", pepper(2)));
}

TEST("a stored text that is damaged or of another scheme verifies nothing") {
    const std::string argon = hashKey(Scheme::Argon2id, "k", pepper(1), kCheap);
    const std::string hmac = hashKey(Scheme::HmacSha256, "k", pepper(1), kCheap);
    for (const std::string& stored : {std::string(), std::string("$"), std::string("k"), std::string("$argon2id$"),
                                      std::string("$argon2id$v=19$m=64,t=1,p=1$"), argon.substr(0, argon.size() - 1),
                                      std::string("$hmac-sha256$"), hmac.substr(0, hmac.size() - 1), hmac + "0", "$bcrypt$" + hmac,
                                      std::string("$argon2i$v=19$m=64,t=1,p=1$c29tZXNhbHQ$AAAA")})
        CHECK_MESSAGE(stored, !verifyKey(stored, "k", pepper(1)));
}
