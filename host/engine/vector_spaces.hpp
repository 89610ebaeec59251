// Which vector spaces of a tenant are in use: the one that is searched, and the one that takes its place when it is full.
//
// TenantVectors is shared by writes, searches and the filler: any thread. The functions below it run on lanes.
#pragma once

#include "engine/embedders.hpp"

#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace engram::engine {

struct SpaceUse {
    uint32_t id = 0;                     // 0: none
    const Embedder* embedder = nullptr;  // nullptr: no embedder of the configuration has its model
    bool usable() const { return id != 0 && embedder; }
};

struct SpacesInUse {
    SpaceUse active, next;
    // What queries are compared with: while the active space's embedder is gone, the one that is being filled.
    const SpaceUse& searched() const { return active.usable() || !next.usable() ? active : next; }
    // Those that every memory is to have a vector in.
    std::vector<SpaceUse> kept() const;
};

class TenantVectors {
public:
    TenantVectors(std::string tenant, StorageBinding storage, uint64_t db) : tenant_(std::move(tenant)), storage_(storage), db_(db) {}

    const std::string& tenant() const { return tenant_; }
    const StorageBinding& storage() const { return storage_; }
    uint64_t db() const { return db_; }

    SpacesInUse spaces() const;
    void use(SpacesInUse spaces);

    // Memories without a vector in the space, those that its embedder refused left out. About right while they are filled,
    // exact when that is done.
    uint64_t pending(uint32_t space) const;
    uint64_t pending() const;  // in all spaces in use
    // `n` more, written at the LSN.
    void addPending(uint32_t space, uint64_t n, uint64_t lsn);
    void takePending(uint32_t space, uint64_t n);
    void noPending(uint32_t space);
    // A count of all is begun, and has found `n` at the LSN: what is added meanwhile is counted once.
    void beginCount(uint32_t space);
    void endCount(uint32_t space, uint64_t n, uint64_t lsn);

    // Rows whose text the space's embedder refuses. Forgotten with the process: then each is tried once more.
    bool refused(uint32_t space, uint64_t rid) const;
    size_t refused(uint32_t space) const;
    void refuse(uint32_t space, uint64_t rid);

    // Up to which row the filler has looked at the space.
    uint64_t lookedAt(uint32_t space) const;
    void lookedAt(uint32_t space, uint64_t rid);
    // A dropped space's number may be given to another.
    void forget(uint32_t space);

    // What went wrong last; empty again when the embedder answers.
    void fail(std::string why);
    std::string failure() const;

    // Held by whoever changes which spaces are in use, in storage and here.
    std::mutex change_mutex;

private:
    static constexpr size_t kMaxRefused = 100000;

    const std::string tenant_;
    const StorageBinding storage_;
    const uint64_t db_;
    mutable std::mutex mutex_;
    SpacesInUse spaces_;
    struct Pending {
        uint64_t n = 0;
        uint64_t counted_at = 0;                             // LSN; what was written up to it is in n
        bool counting = true;                                // from the beginning, until the first count
        std::vector<std::pair<uint64_t, uint64_t>> added{};  // while it counts: LSN, how many
        uint64_t sum() const;
    };
    std::map<uint32_t, Pending> pending_;
    std::map<uint32_t, uint64_t> looked_at_;
    std::map<uint32_t, std::set<uint64_t>> refused_;
    std::string failure_;
};

// A space as storage has it.
struct StoredSpace {
    uint32_t id = 0, dimensions = 0, state = ENGRAM_SPACE_IDLE;
    std::string model;
    uint64_t covered = 0;  // 0 unless counted
};

enum class Covered { Counted, Uncounted };
Result<std::vector<StoredSpace>> readSpaces(const StorageBinding& storage, uint64_t db, Covered covered);

// True if vectors can come after their records; without it a background embedder cannot be used.
bool fillsLater(const StorageBinding& storage);

// The space of the embedder's model, made if it is not there. already_exists: it is there with other dimensions.
Result<uint32_t> spaceOf(const StorageBinding& storage, uint64_t db, const Embedder& embedder);

Result<void> activateSpace(const StorageBinding& storage, uint64_t db, uint32_t space);
// 0: no space is next.
Result<void> prepareSpace(const StorageBinding& storage, uint64_t db, uint32_t space);

// Decides when a tenant is opened. A new tenant is searched by the first embedder's model. A first embedder whose model the
// tenant has never seen becomes the next space by itself; one that was switched away from does not come back by itself,
// unless nothing else can be searched.
Result<SpacesInUse> settleSpaces(const StorageBinding& storage, uint64_t db, const Embedders& embedders);

}  // namespace engram::engine
