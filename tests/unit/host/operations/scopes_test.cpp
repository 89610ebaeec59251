#include "operations/scopes.hpp"

#include "support/test.hpp"

#include <algorithm>

using namespace engram::operations;

namespace {

using Scopes = std::vector<std::string>;

bool has(const Scopes& scopes, const std::string& scope) { return std::find(scopes.begin(), scopes.end(), scope) != scopes.end(); }

}  // namespace

TEST("a star is every scope of a tenant but not the operator's") {
    const Scopes star = {"*"};
    for (std::string_view scope : kScopes) CHECK_EQ(scope != kOperator, permits(star, scope));
    CHECK(permits(Scopes{"operator"}, kOperator));
    CHECK(!permits(Scopes{"operator"}, "memory:read"));
}

TEST("a group with a star is that group alone") {
    const Scopes group = {"memory:*"};
    CHECK(permits(group, "memory:read"));
    CHECK(!permits(group, "memoryx:read"));
    CHECK(!permits(group, "key:admin"));
    CHECK(!permits(group, "*"));
}

TEST("each role gives what the one below gives, and more") {
    const Role roles[] = {Role::Viewer, Role::Member, Role::Admin, Role::Owner};
    for (size_t i = 0; i + 1 < std::size(roles); ++i) {
        const auto lower = scopesOf(roles[i]), higher = scopesOf(roles[i + 1]);
        for (const std::string& scope : lower) CHECK(permits(higher, scope));
        CHECK(mayHandle(higher, roles[i]));
        CHECK(!mayHandle(lower, roles[i + 1]));
    }
    for (Role role : roles) CHECK(roleOf(nameOf(role)) == role);
    CHECK(!roleOf("king"));
    CHECK(!roleOf(""));
}

TEST("a role's scopes are known ones") {
    for (Role role : {Role::Viewer, Role::Member, Role::Admin})
        for (const std::string& scope : scopesOf(role))
            CHECK(std::find(std::begin(kScopes), std::end(kScopes), scope) != std::end(kScopes));
}

TEST("a credential keeps only what the role of its member gives") {
    const Scopes left = restrictedTo(Role::Viewer, Scopes{"memory:read", "memory:write", "key:admin"});
    CHECK_EQ(size_t(1), left.size());
    CHECK(has(left, "memory:read"));
    CHECK(restrictedTo(Role::Admin, Scopes{"operator", "other:thing"}).empty());
    CHECK(!permits(restrictedTo(Role::Admin, Scopes{"*"}), "*"));
    CHECK(permits(restrictedTo(Role::Admin, Scopes{"*"}), "key:admin"));
    CHECK(permits(restrictedTo(Role::Member, Scopes{"memory:*"}), "memory:delete"));
}

TEST("an owner's credentials keep what they were given and get nothing more") {
    const Scopes given = {"memory:read", "operator", "other:thing"};
    CHECK(restrictedTo(Role::Owner, given) == given);
}

TEST("nobody handles a role that gives what they lack") {
    CHECK(!mayHandle(Scopes{"member:admin"}, Role::Viewer));
    CHECK(mayHandle(Scopes{"member:admin", "memory:read", "tenant:read"}, Role::Viewer));
    CHECK(!mayHandle(Scopes{"memory:*", "operator"}, Role::Owner));
    CHECK(mayHandle(Scopes{"*"}, Role::Owner));
}

TEST("each mode allows what the one below allows, and more") {
    const Mode modes[] = {Mode::ReadOnly, Mode::ScopedWrite, Mode::Maintenance, Mode::Admin};
    for (size_t i = 1; i < std::size(modes); ++i) {
        const auto more = scopesOf(modes[i]), less = scopesOf(modes[i - 1]);
        for (const std::string& scope : less) CHECK_MESSAGE(scope, permits(more, scope));
        CHECK(std::any_of(more.begin(), more.end(), [&](const std::string& scope) { return !permits(less, scope); }));
    }
    CHECK(!permits(scopesOf(Mode::ScopedWrite), "memory:purge"));
    for (const char* name : {"read_only", "scoped_write", "maintenance", "admin"}) CHECK_MESSAGE(name, modeOf(name).has_value());
    for (const char* name : {"", "readonly", "Admin", "*"}) CHECK_MESSAGE(name, !modeOf(name));
}

TEST("a mode takes scopes away and gives none") {
    const std::vector<std::string> writer = {"memory:write", "memory:purge"};
    CHECK(restrictedTo(Mode::ReadOnly, writer).empty());
    CHECK(restrictedTo(Mode::ScopedWrite, writer) == std::vector<std::string>{"memory:write"});
    CHECK(restrictedTo(Mode::Admin, writer) == writer);
    const std::vector<std::string> all = {"*", "operator"};
    CHECK(restrictedTo(Mode::ReadOnly, all) == std::vector<std::string>({"memory:read", "tenant:read"}));
    CHECK(restrictedTo(Mode::Admin, all) == all);
}
