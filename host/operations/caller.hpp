// Who calls an operation, as the pipeline found out. A value.
#pragma once

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

    // True if one of the scopes is "*", the wanted one, or its group with a star ("memory:*").
    bool may(std::string_view scope) const {
        for (const std::string& own : scopes) {
            if (own == "*" || own == scope) return true;
            if (own.size() > 2 && own.ends_with(":*") &&
                scope.starts_with(std::string_view(own).substr(0, own.size() - 1)))
                return true;
        }
        return false;
    }
};

// Every scope there is; a key may be given these and "*".
inline constexpr std::string_view kScopes[] = {"memory:read",    "memory:write", "memory:delete", "workspace:admin",
                                               "tenant:read",    "usage:read",   "key:admin"};

}  // namespace engram::operations
