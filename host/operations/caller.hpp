// Who calls an operation, as the pipeline found out. A value.
#pragma once

#include "operations/limits.hpp"
#include "operations/scopes.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace engram::operations {

enum class Thread { Io, Lane };

struct Caller {
    std::string tenant_id, tenant_slug, plan;
    std::string subject;        // "key:<id>", "local:owner"
    std::string credential_id;  // public id of the key, may be empty
    std::vector<std::string> scopes;
    std::string request_id;
    std::string member;  // user id of the member who acts, may be empty
    Limits limits;       // of the tenant's plan

    bool may(std::string_view scope) const { return permits(scopes, scope); }
};

}  // namespace engram::operations
