#include "engine/vector_spaces.hpp"

#include <engram/cpp/text.hpp>

#include <algorithm>

namespace engram::engine {

std::vector<SpaceUse> SpacesInUse::kept() const {
    std::vector<SpaceUse> out;
    for (const SpaceUse& use : {active, next})
        if (use.usable()) out.push_back(use);
    return out;
}

SpacesInUse TenantVectors::spaces() const {
    std::lock_guard lock(mutex_);
    return spaces_;
}

void TenantVectors::use(SpacesInUse spaces) {
    std::lock_guard lock(mutex_);
    spaces_ = spaces;
    std::erase_if(pending_, [&](const auto& entry) { return entry.first != spaces.active.id && entry.first != spaces.next.id; });
}

uint64_t TenantVectors::pending(uint32_t space) const {
    std::lock_guard lock(mutex_);
    auto it = pending_.find(space);
    return it == pending_.end() ? 0 : it->second.sum();
}

uint64_t TenantVectors::Pending::sum() const {
    uint64_t total = n;
    for (const auto& [lsn, more] : added) total += more;
    return total;
}

uint64_t TenantVectors::pending() const {
    std::lock_guard lock(mutex_);
    uint64_t sum = 0;
    for (const auto& [space, pending] : pending_) sum += pending.sum();
    return sum;
}

void TenantVectors::addPending(uint32_t space, uint64_t n, uint64_t lsn) {
    std::lock_guard lock(mutex_);
    Pending& pending = pending_[space];
    if (pending.counting) pending.added.emplace_back(lsn, n);
    else if (lsn > pending.counted_at) pending.n += n;
}

void TenantVectors::takePending(uint32_t space, uint64_t n) {
    std::lock_guard lock(mutex_);
    uint64_t& pending = pending_[space].n;
    pending -= std::min(pending, n);
}

void TenantVectors::noPending(uint32_t space) {
    std::lock_guard lock(mutex_);
    Pending& pending = pending_[space];
    pending = {0, pending.counted_at, false};
}

void TenantVectors::beginCount(uint32_t space) {
    std::lock_guard lock(mutex_);
    Pending& pending = pending_[space];
    if (!pending.counting) pending = {pending.n, pending.counted_at, true};
}

void TenantVectors::endCount(uint32_t space, uint64_t n, uint64_t lsn) {
    std::lock_guard lock(mutex_);
    Pending& pending = pending_[space];
    uint64_t later = 0;
    for (const auto& [at, more] : pending.added)
        if (at > lsn) later += more;
    pending = {n + later, lsn, false};
}

bool TenantVectors::refused(uint32_t space, uint64_t rid) const {
    std::lock_guard lock(mutex_);
    auto it = refused_.find(space);
    return it != refused_.end() && it->second.contains(rid);
}

size_t TenantVectors::refused(uint32_t space) const {
    std::lock_guard lock(mutex_);
    auto it = refused_.find(space);
    return it == refused_.end() ? 0 : it->second.size();
}

void TenantVectors::refuse(uint32_t space, uint64_t rid) {
    std::lock_guard lock(mutex_);
    std::set<uint64_t>& rows = refused_[space];
    if (rows.size() < kMaxRefused) rows.insert(rid);
}

uint64_t TenantVectors::lookedAt(uint32_t space) const {
    std::lock_guard lock(mutex_);
    auto it = looked_at_.find(space);
    return it == looked_at_.end() ? 0 : it->second;
}

void TenantVectors::lookedAt(uint32_t space, uint64_t rid) {
    std::lock_guard lock(mutex_);
    looked_at_[space] = rid;
}

void TenantVectors::forget(uint32_t space) {
    std::lock_guard lock(mutex_);
    looked_at_.erase(space);
    refused_.erase(space);
    pending_.erase(space);
}

void TenantVectors::fail(std::string why) {
    std::lock_guard lock(mutex_);
    failure_ = std::move(why);
}

std::string TenantVectors::failure() const {
    std::lock_guard lock(mutex_);
    return failure_;
}

Result<std::vector<StoredSpace>> readSpaces(const StorageBinding& storage, uint64_t db, Covered covered) {
    std::vector<StoredSpace> out;
    const engram_spaces sink = {sizeof(engram_spaces), covered == Covered::Counted ? 0 : uint32_t(ENGRAM_SPACES_UNCOUNTED), &out,
                                [](void* ctx, const engram_space* space) -> engram_status {
                                    static_cast<std::vector<StoredSpace>*>(ctx)->push_back(
                                        {space->id, space->dimensions, space->active, std::string(view(space->name)),
                                         space->covered});
                                    return ENGRAM_OK;
                                }};
    ArenaCall call;
    const engram_status status = storage.table->spaces(storage.self, call, db, &sink);
    if (status != ENGRAM_OK) return storageError(status, call);
    return out;
}

bool fillsLater(const StorageBinding& storage) {
    return ENGRAM_HAS(engram_storage_v1, storage.table, space_prepare) && storage.table->unfilled && storage.table->fill &&
           storage.table->space_prepare;
}

Result<uint32_t> spaceOf(const StorageBinding& storage, uint64_t db, const Embedder& embedder) {
    engram_space space{};
    space.size = sizeof space;
    space.dimensions = embedder.dimensions;
    space.name = borrow(embedder.model);
    ArenaCall call;
    const engram_status status = storage.table->space_create(storage.self, call, db, &space);
    if (status == ENGRAM_ALREADY_EXISTS)
        return Error{"already_exists", "the vector space of '" + embedder.model + "' has other dimensions",
                     "drop it, or give the model another name or revision", ""};
    if (status != ENGRAM_OK) return storageError(status, call);
    return space.id;
}

Result<void> activateSpace(const StorageBinding& storage, uint64_t db, uint32_t space) {
    ArenaCall call;
    const engram_status status = storage.table->space_activate(storage.self, call, db, space);
    if (status != ENGRAM_OK) return storageError(status, call);
    return {};
}

Result<void> prepareSpace(const StorageBinding& storage, uint64_t db, uint32_t space) {
    ArenaCall call;
    const engram_status status = storage.table->space_prepare(storage.self, call, db, space);
    if (status != ENGRAM_OK) return storageError(status, call);
    return {};
}

namespace {

SpaceUse inState(const std::vector<StoredSpace>& spaces, const Embedders& embedders, uint32_t state) {
    for (const StoredSpace& space : spaces)
        if (space.state == state) return {space.id, embedders.ofModel(space.model)};
    return {};
}

// The first that this storage can use.
const Embedder* firstUsable(const StorageBinding& storage, const Embedders& embedders) {
    for (const Embedder& embedder : embedders.all())
        if (embedder.pace == Embedder::Pace::Inline || fillsLater(storage)) return &embedder;
    return nullptr;
}

// The first space of a tenant that has none active: one of earlier releases, which activated none, else a new one.
Result<SpaceUse> firstActive(const StorageBinding& storage, uint64_t db, const std::vector<StoredSpace>& spaces,
                             const Embedders& embedders) {
    SpaceUse use;
    for (const StoredSpace& space : spaces)
        if (!use.usable()) use = {space.id, embedders.ofModel(space.model)};
    if (!use.usable()) {
        const Embedder* embedder = firstUsable(storage, embedders);
        if (!embedder) return SpaceUse{};
        auto space = spaceOf(storage, db, *embedder);
        if (!space && space.error().code == "already_exists") return SpaceUse{};
        if (!space) return space.error();
        use = {*space, embedder};
    }
    if (auto activated = activateSpace(storage, db, use.id); !activated) return activated.error();
    return use;
}

}  // namespace

Result<SpacesInUse> settleSpaces(const StorageBinding& storage, uint64_t db, const Embedders& embedders) {
    auto spaces = readSpaces(storage, db, Covered::Uncounted);
    if (!spaces) return spaces.error();
    SpacesInUse out{inState(*spaces, embedders, ENGRAM_SPACE_ACTIVE), inState(*spaces, embedders, ENGRAM_SPACE_NEXT)};
    if (out.active.id == 0) {
        auto first = firstActive(storage, db, *spaces, embedders);
        if (!first) return first.error();
        out.active = *first;
    }
    const Embedder* preferred = firstUsable(storage, embedders);
    if (!preferred || out.next.usable() || !fillsLater(storage)) return out;
    if (out.active.usable() && out.active.embedder->model == preferred->model) return out;
    const bool seen = std::any_of(spaces->begin(), spaces->end(),
                                  [&](const StoredSpace& space) { return space.model == preferred->model; });
    if (seen && out.active.usable()) return out;
    auto space = spaceOf(storage, db, *preferred);
    if (!space && space.error().code == "already_exists") return out;  // the tenant goes on with what it has
    if (!space) return space.error();
    if (auto prepared = prepareSpace(storage, db, *space); !prepared) return prepared.error();
    out.next = {*space, preferred};
    return out;
}

}  // namespace engram::engine
