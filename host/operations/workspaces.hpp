// The workspaces of tenants: documents of the control plane, made when a workspace's first memory comes.
//
// Remembers which workspaces are known, so that a write asks the control plane once a workspace. Any thread; may block.
#pragma once

#include <engram/cpp/result.hpp>
#include <engram/tenancy.h>

#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

namespace engram::operations {

class Workspaces {
public:
    struct Entry {
        std::string id, name, created_at;
        uint64_t version = 0;
    };

    Workspaces(const engram_tenancy_v1* table, void* self, std::function<std::string()> new_id)
        : table_(table), self_(self), new_id_(std::move(new_id)) {}

    // At most so many workspaces; nothing = any number. Counted in the transaction that makes one.
    using Max = std::optional<uint64_t>;

    // Makes the workspace if the tenant does not have it. plan_limit.
    Result<void> ensure(const std::string& tenant, const std::string& name, Max max);
    // already_exists if it is there; plan_limit.
    Result<Entry> create(const std::string& tenant, const std::string& name, Max max);
    Result<std::vector<Entry>> list(const std::string& tenant);
    // workspace_not_found.
    Result<Entry> get(const std::string& tenant, const std::string& name);
    Result<void> remove(const std::string& tenant, const Entry& entry);

private:
    Error limitReached(const std::string& tenant, const std::string& name, uint64_t max);

    static constexpr size_t kMaxKnown = 100000;

    const engram_tenancy_v1* table_;
    void* self_;
    std::function<std::string()> new_id_;
    std::mutex mutex_;
    std::unordered_set<std::string> known_;  // "<tenant>/<name>"
};

}  // namespace engram::operations
