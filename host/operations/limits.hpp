// What a tenant's plan lets it have at most, as the quota plugins say. A value; checked inside the write's transaction.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>

namespace engram::operations {

struct Limits {  // nothing = unlimited
    std::optional<uint64_t> memories, identities, sessions, storage_bytes, workspaces;

    // Keeps the tighter of what is known and `max`. A unit the host does not count is ignored.
    void tighten(std::string_view unit, uint64_t max) {
        if (auto* limit = find(unit)) *limit = limit->has_value() ? std::min(**limit, max) : max;
    }

private:
    std::optional<uint64_t>* find(std::string_view unit) {
        if (unit == "memories") return &memories;
        if (unit == "identities") return &identities;
        if (unit == "sessions") return &sessions;
        if (unit == "storage_bytes") return &storage_bytes;
        if (unit == "workspaces") return &workspaces;
        return nullptr;
    }
};

}  // namespace engram::operations
