#include "operations/invite_token.hpp"

#include "support/test.hpp"

using namespace engram::operations;

namespace {

constexpr const char* kId = "01930000-1234-7abc-8def-0123456789ab";

std::string mint() {
    auto token = mintInviteToken(kId);
    CHECK(token.ok());
    return *token;
}

}  // namespace

TEST("a token names its invite and is of its own") {
    const std::string token = mint();
    CHECK(inviteIdIn(token) == std::string(kId));
    CHECK(token != mint());
}

TEST("only the token itself fits what is stored") {
    const std::string token = mint(), stored = inviteTokenHash(token);
    CHECK(isInviteToken(token, stored));
    CHECK(!isInviteToken(mint(), stored));
    for (size_t i = 0; i < token.size(); ++i) {
        std::string other = token;
        other[i] = other[i] == '0' ? '1' : '0';
        CHECK(!isInviteToken(other, stored));
    }
    CHECK(!isInviteToken(token, ""));
    CHECK(!isInviteToken(token, stored.substr(1)));
    CHECK(!isInviteToken("", ""));
}

TEST("what is stored does not contain the secret") {
    const std::string token = mint(), stored = inviteTokenHash(token);
    CHECK(stored.find(token.substr(token.size() - 16)) == std::string::npos);
    CHECK(stored.starts_with("sha256:"));
}

TEST("what has not the shape of a token names nothing") {
    const std::string token = mint();
    for (const std::string& bad : {std::string(), std::string("x"), token.substr(1), token + "0", token.substr(0, token.size() - 1),
                                   std::string(token.size(), '\0'), "egm_invite_" + std::string(97, 'z')})
        CHECK(!inviteIdIn(bad));
    std::string upper = token;
    upper[12] = 'G';
    CHECK(!inviteIdIn(upper));
}
