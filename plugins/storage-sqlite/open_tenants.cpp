#include "open_tenants.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include <sys/stat.h>
#include <unistd.h>

namespace engram::storage_sqlite {

bool isTenantId(std::string_view id) {
    if (id.size() != 36) return false;
    for (size_t i = 0; i < id.size(); ++i) {
        const bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;
        const char c = id[i];
        if (hyphen ? c != '-' : !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) return false;
    }
    return true;
}

OpenTenants::Identity OpenTenants::identify(const std::string& path) {
    struct stat info {};
    if (lstat(path.c_str(), &info) != 0) return {};
    return {info.st_ino, static_cast<uint64_t>(info.st_size),
            static_cast<int64_t>(info.st_mtim.tv_sec) * 1'000'000'000 + info.st_mtim.tv_nsec};
}

OpenTenants::SlotPointer OpenTenants::find(uint64_t handle) const {
    std::shared_lock lock(mutex_);
    auto it = handles_.find(handle);
    return it == handles_.end() ? nullptr : it->second;
}

bool OpenTenants::knows(uint64_t handle) const { return find(handle) != nullptr; }

std::string OpenTenants::idOf(uint64_t handle) const {
    const SlotPointer slot = find(handle);
    return slot ? slot->id : std::string();
}

uint64_t OpenTenants::open(const std::string& id, Create create) {
    SlotPointer slot;
    {
        std::unique_lock lock(mutex_);
        auto it = slots_.find(id);
        if (it == slots_.end()) {
            const std::string folder = folder_ + "/" + id;
            if (create == Create::No && identify(folder + "/engram.db") == Identity()) return 0;
            it = slots_.emplace(id, std::make_shared<Slot>(id, folder, next_handle_++)).first;
            handles_[it->second->handle] = it->second;
        }
        slot = it->second;
        std::lock_guard state(slot->state);
        ++slot->count;
    }
    try {
        opened(slot, create);
    } catch (...) {
        close(slot->handle);
        throw;
    }
    trim();
    return slot->handle;
}

bool OpenTenants::close(uint64_t handle) {
    const SlotPointer slot = find(handle);
    if (!slot) return false;
    {
        std::lock_guard state(slot->state);
        if (slot->count == 0) return false;
        --slot->count;
        slot->used = Clock::now();
    }
    trim();
    return true;
}

std::shared_ptr<Tenant> OpenTenants::get(uint64_t handle, Wait wait) {
    const SlotPointer slot = find(handle);
    if (!slot) return nullptr;
    {
        std::lock_guard state(slot->state);
        slot->used = Clock::now();
        if (slot->tenant) return slot->tenant;
    }
    if (wait == Wait::No) return nullptr;
    auto tenant = opened(slot, Create::No);
    trim();
    return tenant;
}

std::shared_ptr<Tenant> OpenTenants::opened(const SlotPointer& slot, Create create) {
    std::lock_guard life(slot->life);
    {
        std::lock_guard state(slot->state);
        if (slot->tenant) return slot->tenant;
    }
    const bool was_shut = slot->damage != nullptr;
    if (was_shut) openInPlaceOfDamaged(*slot);
    std::shared_ptr<Tenant> tenant;
    try {
        tenant = openFile(*slot, create);
        if (was_shut) tenant->check();
    } catch (const SqliteError& e) {
        if (e.damaged()) shutSlot(*slot, e.message);
        throw;
    }
    {
        std::lock_guard state(slot->state);
        slot->tenant = tenant;
        slot->damage.reset();
    }
    std::unique_lock lock(mutex_);
    open_[slot->handle] = slot;
    shut_.erase(slot->id);
    lock.unlock();
    if (was_shut) observer_(Event::Back, slot->id, "");
    return tenant;
}

std::shared_ptr<Tenant> OpenTenants::openFile(Slot& slot, Create create) {
    if (create == Create::Yes) {
        if (mkdir(slot.folder.c_str(), 0700) != 0 && errno != EEXIST)
            throw SqliteError(errno == ENOSPC ? SQLITE_FULL : SQLITE_CANTOPEN, slot.folder + ": " + std::strerror(errno));
    } else if (identify(slot.folder + "/engram.db") == Identity()) {
        // It was there when the handle was made: an empty one in its place would look like a loss of everything.
        throw SqliteError(SQLITE_READONLY_DBMOVED, "the tenant's file is gone");
    }
    try {
        return std::make_shared<Tenant>(slot.folder, options_);
    } catch (const SqliteError& e) {
        if (!e.full() || !reserve_.giveUp()) throw;
    }
    return std::make_shared<Tenant>(slot.folder, options_);
}

// Throws unless a file other than the damaged one is there. The damaged one's log must not be played into it.
void OpenTenants::openInPlaceOfDamaged(Slot& slot) {
    const Damage& damage = *slot.damage;
    const std::string file = slot.folder + "/engram.db", log = file + "-wal";
    if (identify(file) == damage.file || !slot.leaving.expired()) throw SqliteError(SQLITE_CORRUPT, damage.why);
    if (damage.log != Identity() && identify(log) == damage.log) {
        std::rename(log.c_str(), (log + ".damaged").c_str());
        unlink((file + "-shm").c_str());
    }
}

void OpenTenants::shut(uint64_t handle, const std::string& why) {
    const SlotPointer slot = find(handle);
    if (!slot) return;
    std::lock_guard life(slot->life);
    {
        std::lock_guard state(slot->state);
        if (!slot->tenant) return;  // somebody else has shut it
    }
    shutSlot(*slot, why);
}

// The caller holds slot.life. Those who still have the tenant end what they do; the file is closed after the last one.
void OpenTenants::shutSlot(Slot& slot, const std::string& why) {
    auto damage = std::make_unique<Damage>();
    damage->why = why;
    damage->file = identify(slot.folder + "/engram.db");
    damage->log = identify(slot.folder + "/engram.db-wal");
    std::shared_ptr<Tenant> tenant;
    {
        std::lock_guard state(slot.state);
        tenant = std::move(slot.tenant);
        if (tenant) slot.leaving = tenant;
        slot.damage = std::move(damage);
    }
    if (tenant) tenant->damaged.store(true);
    {
        std::unique_lock lock(mutex_);
        open_.erase(slot.handle);
        shut_[slot.id] = why;
    }
    observer_(Event::Shut, slot.id, why);
}

bool OpenTenants::closeIfUnused(const SlotPointer& slot) {
    std::unique_lock life(slot->life, std::try_to_lock);
    if (!life) return false;
    std::shared_ptr<Tenant> tenant;
    bool forget = false;
    {
        std::lock_guard state(slot->state);
        // Copies are made under `state`: one means nobody else has it.
        if (!slot->tenant || slot->tenant.use_count() > 1) return false;
        tenant = std::move(slot->tenant);
        forget = slot->count == 0;
    }
    tenant.reset();
    std::unique_lock lock(mutex_);
    open_.erase(slot->handle);
    if (forget) {
        std::lock_guard state(slot->state);
        if (slot->count > 0) return true;
        handles_.erase(slot->handle);
        slots_.erase(slot->id);
    }
    return true;
}

void OpenTenants::trim() {
    const auto now = Clock::now();
    std::vector<std::pair<Clock::time_point, SlotPointer>> all;
    {
        std::shared_lock lock(mutex_);
        if (open_.size() <= limits_.open && (now - last_idle_look_.load()) < std::chrono::seconds(1)) return;
        all.reserve(open_.size());
        for (const auto& [handle, slot] : open_) all.emplace_back(Clock::time_point(), slot);
    }
    last_idle_look_.store(now);
    for (auto& [used, slot] : all) {
        std::lock_guard state(slot->state);
        used = slot->used;
    }
    std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    size_t excess = all.size() > limits_.open ? all.size() - limits_.open : 0;
    for (const auto& [used, slot] : all) {
        if (excess == 0 && now - used < limits_.idle) return;
        if (closeIfUnused(slot) && excess > 0) --excess;
    }
}

std::vector<std::pair<uint64_t, std::shared_ptr<Tenant>>> OpenTenants::openOnes() const {
    std::vector<SlotPointer> slots;
    {
        std::shared_lock lock(mutex_);
        for (const auto& [handle, slot] : open_) slots.push_back(slot);
    }
    std::vector<std::pair<uint64_t, std::shared_ptr<Tenant>>> out;
    for (const SlotPointer& slot : slots) {
        std::lock_guard state(slot->state);
        if (slot->tenant) out.emplace_back(slot->handle, slot->tenant);
    }
    return out;
}

std::map<std::string, std::string> OpenTenants::shutOnes() const {
    std::shared_lock lock(mutex_);
    return shut_;
}

void OpenTenants::closeAll() {
    std::unique_lock lock(mutex_);
    auto slots = std::move(slots_);
    slots_.clear();
    handles_.clear();
    open_.clear();
    lock.unlock();
    for (auto& [id, slot] : slots) {
        std::lock_guard life(slot->life);
        std::shared_ptr<Tenant> tenant;
        std::lock_guard state(slot->state);
        tenant = std::move(slot->tenant);
    }
}

bool OpenTenants::whileClosed(const std::string& id, const std::function<void(const std::string&)>& change) {
    std::unique_lock lock(mutex_);
    if (auto it = slots_.find(id); it != slots_.end()) {
        const SlotPointer slot = it->second;
        std::lock_guard state(slot->state);
        if (slot->count > 0 || (slot->tenant && slot->tenant.use_count() > 1)) return false;
        slot->tenant.reset();
        open_.erase(slot->handle);
        handles_.erase(slot->handle);
        shut_.erase(id);
        slots_.erase(it);
    }
    change(folder_ + "/" + id);
    return true;
}

}  // namespace engram::storage_sqlite
