#include "stage.hpp"

using namespace engram;
using namespace engram::pipeline;
using namespace engram::testing;

namespace {

class Tenancy : public Stages {
public:
    explicit Tenancy(FakeTenancy& fake) {
        context.tenancy = fake.plugin();
        context.base_domain = "engram.example";
        context.default_tenant = "default";
        static uint64_t epoch = 1000;  // threads remember tenants by epoch
        fake.epoch = ++epoch;
    }
    Step ask(const std::string& headers, const std::string& host = "localhost", const std::string& bound = "") {
        state = std::make_unique<State>();
        state->bound_tenant = bound;
        return run(headers, [this](const http::Request& request) { return resolveTenant(context, request, *state); }, host);
    }
    std::unique_ptr<State> state;
};

constexpr const char* kAcme = "X-Engram-Tenant: acme\r\n";

}  // namespace

TEST("a tenant is named by the credential, the host or the header") {
    FakeTenancy fake{{{"acme", "active"}}};
    Tenancy t(fake);
    goesOn(t.ask(kAcme));
    goesOn(t.ask("", "acme.engram.example"));
    goesOn(t.ask("", "acme.engram.example:7227"));
    goesOn(t.ask("", "localhost", "id-acme"));
    CHECK_TEXT("id-acme", t.state->caller.tenant_id);
    CHECK_TEXT("acme", t.state->caller.tenant_slug);
    CHECK_TEXT("free", t.state->caller.plan);
}

TEST("all that name a tenant must agree") {
    FakeTenancy fake{{{"acme", "active"}, {"other", "active"}}};
    Tenancy t(fake);
    goesOn(t.ask(kAcme, "acme.engram.example", "id-acme"));
    refusedWith("tenant_ambiguous", t.ask(kAcme, "other.engram.example"));
    refusedWith("tenant_ambiguous", t.ask(kAcme, "localhost", "id-other"));
    refusedWith("tenant_ambiguous", t.ask("", "acme.engram.example", "id-other"));
    CHECK_TEXT("", t.state->caller.tenant_id);
}

TEST("nothing that names a tenant is refused, whatever the host looks like") {
    FakeTenancy fake{{{"acme", "active"}, {"default", "active"}}};
    Tenancy t(fake);
    for (const char* host : {"localhost", "engram.example", "xengram.example", "a.b.engram.example", "acme.engram.example.evil.example",
                             "acmeengram.example"})
        refusedWith("tenant_ambiguous", t.ask("", host));
    CHECK_EQ(0, fake.resolved);
}

TEST("an unknown tenant and a deleted one are told alike, a suspended one by name") {
    FakeTenancy fake{{{"gone", "deleted"}, {"late", "suspended"}}};
    Tenancy t(fake);
    const Step unknown = t.ask("X-Engram-Tenant: acme\r\n"), deleted = t.ask("X-Engram-Tenant: gone\r\n");
    refusedWith("tenant_not_found", unknown);
    refusedWith("tenant_not_found", deleted);
    CHECK_TEXT("no tenant 'acme' for this credential", unknown.error().message);
    CHECK_TEXT("no tenant 'gone' for this credential", deleted.error().message);
    refusedWith("tenant_suspended", t.ask("X-Engram-Tenant: late\r\n"));
}

TEST("a control plane that does not answer lets nobody in") {
    FakeTenancy fake{{{"acme", "active"}}};
    fake.broken = ENGRAM_UNAVAILABLE;
    Tenancy t(fake);
    refusedWith("unavailable", t.ask(kAcme));
    fake.broken = ENGRAM_AGAIN;
    const Step blocks = t.ask(kAcme);
    CHECK(blocks.ok() && *blocks == Flow::Lane);
}

TEST("a tenant that is suspended is refused with the next epoch") {
    FakeTenancy fake{{{"acme", "active"}}};
    Tenancy t(fake);
    goesOn(t.ask(kAcme));
    fake.status_by_slug["acme"] = "suspended";
    ++fake.epoch;
    refusedWith("tenant_suspended", t.ask(kAcme));
}

TEST("the local socket acts in the default tenant and in no other") {
    FakeTenancy fake{{{"default", "active"}, {"acme", "active"}}};
    Tenancy t(fake);
    t.state = std::make_unique<State>();
    const auto stage = [&](const http::Request& request) { return resolveTenant(t.context, request, *t.state); };
    goesOn(t.runLocally("", stage));
    CHECK_TEXT("default", t.state->caller.tenant_slug);
    refusedWith("tenant_ambiguous", t.runLocally(kAcme, stage));
}

TEST("a credential may no more than the member it acts for") {
    FakeTenancy fake{{{"acme", "active"}}, {{"id-acme", "ada"}}};  // its document names no role: the least one
    Tenancy t(fake);
    State state;
    state.caller.tenant_id = "id-acme";
    state.caller.subject = "key:1";
    state.caller.scopes = {"memory:read", "memory:write", "*"};
    state.must_be_member = true;
    state.member_id = "ada";
    goesOn(t.run("", [&](const http::Request& request) { return checkMembership(t.context, request, state); }));
    CHECK_TEXT("ada", state.caller.member);
    CHECK(state.caller.may("memory:read"));
    CHECK(!state.caller.may("memory:write"));
    CHECK(!state.caller.may("key:admin"));
}

TEST("who must be a member is one, and is told nothing if not") {
    FakeTenancy fake{{{"acme", "active"}}, {{"id-acme", "user:ada"}}};
    Tenancy t(fake);
    const auto ask = [&](const std::string& subject, bool must) {
        State state;
        state.caller.tenant_id = "id-acme";
        state.caller.tenant_slug = "acme";
        state.caller.subject = subject;
        state.must_be_member = must;
        return t.run("", [&](const http::Request& request) { return checkMembership(t.context, request, state); });
    };
    goesOn(ask("user:ada", true));
    goesOn(ask("key:1", false));
    const Step stranger = ask("user:bob", true);
    refusedWith("tenant_not_found", stranger);
    CHECK_TEXT("no tenant 'acme' for this credential", stranger.error().message);  // as for one that does not exist
    fake.broken = ENGRAM_INTERNAL;
    ++fake.epoch;  // a thread remembers members until the control plane changes
    refusedWith("unavailable", ask("user:ada", true));
    fake.broken = ENGRAM_AGAIN;
    const Step blocks = ask("user:ada", true);
    CHECK(blocks.ok() && *blocks == Flow::Lane);
}
