// The tenants that are open: their handles, and what is kept in memory for them. Any thread.
#pragma once

#include "search_index.hpp"

#include <engram/storage.h>

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace engram::storage_postgres {

std::optional<engram_uuid> tenantOf(std::string_view text);  // nothing: not the text of a uuid

// An open tenant. Its index is given up when memory is short or nobody asked for long; those who use it keep it so long.
class Tenant {
public:
    Tenant(const engram_uuid& tenant, std::string as_text) : id(tenant), text(std::move(as_text)) {}
    const engram_uuid id;
    const std::string text;

    std::shared_ptr<SearchIndex> index();
    // Drops the index if it was not asked for since `before`; the bytes that are free then.
    size_t dropIndexIfUnusedSince(std::chrono::steady_clock::time_point before);
    size_t indexBytes() const;
    std::chrono::steady_clock::time_point used() const;
    uint64_t lag(uint64_t lsn) const;

    // The feed: the newest LSN that this node has heard of, told to those who wait for more.
    void heard(uint64_t lsn);
    // Waits until an LSN above `after` is heard of, or until `deadline`.
    bool awaitAbove(uint64_t after, std::chrono::steady_clock::time_point deadline);
    // True for one caller an interval: it is the one that asks PostgreSQL for all who wait.
    bool mayAsk(std::chrono::milliseconds interval);

private:
    mutable std::mutex mutex_;
    std::condition_variable news_;
    std::shared_ptr<SearchIndex> index_;
    std::chrono::steady_clock::time_point used_{}, next_ask_{};
    uint64_t lsn_ = 0;
    friend class Tenants;
    unsigned opened_ = 0;  // under the lock of Tenants
};

class Tenants {
public:
    // The handle of the tenant, counted up.
    uint64_t open(const engram_uuid& id, const std::string& text);
    bool close(uint64_t handle);
    bool isOpen(const std::string& text) const;
    std::shared_ptr<Tenant> get(uint64_t handle) const;  // nullptr: no such handle
    // Gives up the indexes that nobody asked for within `idle`, and the longest unused ones beyond `max_bytes`.
    void trim(size_t max_bytes, std::chrono::seconds idle);
    void clear();

private:
    mutable std::mutex mutex_;
    std::unordered_map<uint64_t, std::shared_ptr<Tenant>> open_;
    std::unordered_map<std::string, uint64_t> handles_;
    uint64_t next_ = 1;
};

}  // namespace engram::storage_postgres
