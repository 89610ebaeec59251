// One password for everybody, who may then read and write memories of the tenant that the request names.
#include <engram/cpp/auth.hpp>

namespace {

class TinyAuth {
public:
    TinyAuth(engram::Host, engram::Config config) : password_(config.text("/password")) {}

    engram::Verdict authenticate(engram_call*, const engram::Credential& credential) {
        if (credential.kind != ENGRAM_CREDENTIAL_BEARER) return engram::Verdict::pass();
        if (credential.value != password_) return engram::Verdict::deny("wrong password");
        return engram::Verdict::allow({.subject = "user:everybody", .scopes = {"memory:read", "memory:write"}});
    }

private:
    std::string password_;
};

}  // namespace

ENGRAM_PLUGIN(TinyAuth, R"({
  "id": "tiny-auth", "version": "1.0.0", "kind": "auth", "provides": ["engram.auth/1"],
  "services": ["engram.host.json/1"],
  "config": {"type": "object", "required": ["password"], "properties": {"password": {"type": "string"}}}
})", engram::auth)
