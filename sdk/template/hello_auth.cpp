// hello-auth: a guest who says the password may read. The whole of a plugin: a class, and a manifest.
#include <engram/cpp/auth.hpp>

namespace {

class HelloAuth {
public:
    HelloAuth(engram::Host, engram::Config config) : password_(config.text("/password")) {}

    engram::Verdict authenticate(engram_call*, const engram::Credential& credential) {
        if (credential.kind != ENGRAM_CREDENTIAL_BEARER) return engram::Verdict::pass();
        if (credential.value != password_) return engram::Verdict::pass();  // another plugin may know it
        return engram::Verdict::allow({.subject = "user:guest", .scopes = {"memory:read"}});
    }

private:
    std::string password_;
};

}  // namespace

ENGRAM_PLUGIN(HelloAuth, R"({
  "id": "hello-auth", "version": "0.1.0", "kind": "auth", "provides": ["engram.auth/1"],
  "services": ["engram.host.json/1"],
  "config": {"type": "object", "required": ["password"], "additionalProperties": false,
             "properties": {"password": {"type": "string", "minLength": 12}}}
})", engram::auth)
