#include "operations/caller.hpp"

#include "support/test.hpp"

using engram::operations::Caller;

namespace {

bool may(std::vector<std::string> scopes, std::string_view wanted) {
    Caller caller;
    caller.scopes = std::move(scopes);
    return caller.may(wanted);
}

}  // namespace

TEST("a scope allows itself, a group what is in it, a star everything") {
    CHECK(may({"memory:read"}, "memory:read"));
    CHECK(may({"usage:read", "memory:*"}, "memory:delete"));
    CHECK(may({"*"}, "key:admin"));
}

TEST("no scope allows more than it says") {
    CHECK(!may({}, "memory:read"));
    CHECK(!may({"memory:read"}, "memory:write"));
    CHECK(!may({"memory:rea"}, "memory:read"));
    CHECK(!may({"memory:reads"}, "memory:read"));
    CHECK(!may({"memory:*"}, "memoryx:read"));
    CHECK(!may({"mem*", ":*", "", "memory:", "memory"}, "memory:read"));
    CHECK(!may({"Memory:Read"}, "memory:read"));
}
