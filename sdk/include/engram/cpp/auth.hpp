// engram::auth - binds a class to engram.auth/1.
//
// The class has `Verdict authenticate(engram_call*, const Credential&)`, or the raw
// `engram_status authenticate(engram_call*, const engram_credential*, engram_principal*)`; challenge and issue are
// optional and raw.
#pragma once

#include <engram/auth.h>
#include <engram/cpp/plugin.hpp>

#include <concepts>
#include <string>
#include <vector>

namespace engram {
inline namespace skin_1 {

struct Credential {
    uint32_t kind;
    std::string_view value, tenant_hint, peer;
};

struct Allow {
    std::string subject{}, tenant{};
    std::vector<std::string> scopes{};
    std::string credential_id{}, display{};
    engram_time expires_at = ENGRAM_TIME_NONE;
};

class Verdict {
public:
    static Verdict pass() { return Verdict(ENGRAM_PASS, {}); }
    static Verdict deny(std::string why) { return Verdict(ENGRAM_UNAUTHENTICATED, std::move(why)); }
    static Verdict allow(Allow allow) {
        Verdict v(ENGRAM_OK, {});
        v.allow_ = std::move(allow);
        return v;
    }

    engram_status deliver(engram_call* call, engram_principal* out) const {
        if (status_ != ENGRAM_OK) return status_ == ENGRAM_PASS ? ENGRAM_PASS : fail(call, status_, why_);
        engram_str* scopes = allocateArray<engram_str>(call, allow_.scopes.size());
        for (size_t i = 0; i < allow_.scopes.size(); ++i) scopes[i] = keep(call, allow_.scopes[i]);
        out->subject = keep(call, allow_.subject);
        out->tenant = keep(call, allow_.tenant);
        out->credential_id = keep(call, allow_.credential_id);
        out->display = keep(call, allow_.display);
        out->scopes = scopes;
        out->n_scopes = allow_.scopes.size();
        out->expires_at = allow_.expires_at;
        return ENGRAM_OK;
    }

private:
    Verdict(engram_status status, std::string why) : status_(status), why_(std::move(why)) {}
    engram_status status_;
    std::string why_;
    Allow allow_;
};

template <class C>
concept FriendlyAuth = requires(C& c, engram_call* call, const Credential& credential) {
    { c.authenticate(call, credential) } -> std::same_as<Verdict>;
};

struct auth {
    static constexpr const char* id = ENGRAM_AUTH;

    template <class C>
    static engram_status authenticate(void* self, engram_call* call, const engram_credential* credential,
                                      engram_principal* out) noexcept {
        return guarded(call, [&]() -> engram_status {
            C& c = *static_cast<C*>(self);
            if constexpr (FriendlyAuth<C>) {
                Credential given{credential->kind, view(credential->value), view(credential->tenant_hint),
                                 view(credential->peer)};
                return c.authenticate(call, given).deliver(call, out);
            } else {
                return c.authenticate(call, credential, out);
            }
        });
    }

    template <class C>
    static constexpr auto challengeOf() -> decltype(engram_auth_v1::challenge) {
        if constexpr (requires { &C::challenge; }) return thunk<&C::challenge>;
        else return nullptr;
    }
    template <class C>
    static constexpr auto issueOf() -> decltype(engram_auth_v1::issue) {
        if constexpr (requires { &C::issue; }) return thunk<&C::issue>;
        else return nullptr;
    }

    template <class C>
    static const void* table() {
        static constexpr engram_auth_v1 t = {sizeof(engram_auth_v1), 0, &authenticate<C>, challengeOf<C>(),
                                             issueOf<C>()};
        return &t;
    }
};

}  // namespace skin_1
}  // namespace engram
