// The tenants of an instance: their handles, which of them have their file open, and which are shut and why.
//
// A handle outlives the open file. Beyond a cap, and after a time without use, files are closed, and opened again when
// they are asked for; so an idle tenant costs a handle. A damaged tenant is shut until another file lies in its place.
// Any thread: opening and closing a file holds up its own tenant only.
#pragma once

#include "reserve.hpp"
#include "tenant.hpp"

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace engram::storage_sqlite {

// A canonical UUID: nothing else becomes part of a path.
bool isTenantId(std::string_view id);

class OpenTenants {
public:
    using Clock = std::chrono::steady_clock;

    struct Limits {
        size_t open = 200;                      // files; more only while more are in use at once
        std::chrono::seconds idle{300};         // without use, until a file is closed
        uint64_t reserve_bytes = 8u << 20;      // of the disk, for opening tenants when it is full
    };
    // Told when a tenant is shut and when it is back, with the reason. [any thread]
    enum class Event { Shut, Back };
    using Observer = std::function<void(Event, const std::string& tenant, const std::string& why)>;

    OpenTenants(const Options& options, Limits limits, Observer observer)
        : options_(options), limits_(limits), observer_(std::move(observer)), reserve_(limits.reserve_bytes) {}
    OpenTenants(const OpenTenants&) = delete;

    // Before anything else.
    void setFolder(std::string folder) {
        folder_ = std::move(folder);
        reserve_.keep(folder_);
    }

    // A handle of the tenant, whose file is open on return; each open() needs its close(). 0 if there is no such
    // tenant and `create` does not ask for one. Throws SqliteError.
    enum class Create { Yes, No };
    uint64_t open(const std::string& id, Create create);
    // False: no such handle.
    bool close(uint64_t handle);

    // The open tenant of a handle, opened again if need be; nullptr: no such handle. With Wait::No also nullptr if its
    // file is not open. Throws SqliteError; for a shut tenant one that is damaged(), with the reason.
    enum class Wait { Yes, No };
    std::shared_ptr<Tenant> get(uint64_t handle, Wait wait);
    bool knows(uint64_t handle) const;
    std::string idOf(uint64_t handle) const;  // empty for an unknown one

    // Shuts the tenant: its file is left alone from now on, until another one is in its place.
    void shut(uint64_t handle, const std::string& why);

    // Closes what is over the cap or idle. [maintenance thread, or whoever opened one too many]
    void trim();
    // Takes the reserve again once there is room. [maintenance thread]
    void keepReserve() { reserve_.keep(folder_); }
    std::vector<std::pair<uint64_t, std::shared_ptr<Tenant>>> openOnes() const;
    std::map<std::string, std::string> shutOnes() const;  // tenant and reason
    void closeAll();

    // Runs `change` while the tenant is closed and stays so. False: it is in use.
    bool whileClosed(const std::string& id, const std::function<void(const std::string& folder)>& change);

private:
    struct Identity {  // of a file as it lies there; all zero if it does not
        uint64_t inode = 0, size = 0;
        int64_t changed = 0;
        bool operator==(const Identity&) const = default;
    };
    struct Damage {
        std::string why;
        Identity file, log;
    };
    struct Slot {
        Slot(std::string i, std::string f, uint64_t h) : id(std::move(i)), folder(std::move(f)), handle(h) {}
        const std::string id, folder;
        const uint64_t handle;
        std::mutex life;   // held while the file is opened or closed; taken first
        std::mutex state;  // of what follows; held briefly, taken last
        std::shared_ptr<Tenant> tenant;
        std::weak_ptr<Tenant> leaving;  // shut, but a reader may still have it
        std::unique_ptr<Damage> damage;
        unsigned count = 0;
        Clock::time_point used = Clock::now();
    };
    using SlotPointer = std::shared_ptr<Slot>;

    static Identity identify(const std::string& path);
    SlotPointer find(uint64_t handle) const;
    std::shared_ptr<Tenant> opened(const SlotPointer& slot, Create create);
    std::shared_ptr<Tenant> openFile(Slot& slot, Create create);
    void openInPlaceOfDamaged(Slot& slot);
    void shutSlot(Slot& slot, const std::string& why);
    bool closeIfUnused(const SlotPointer& slot);

    const Options options_;
    const Limits limits_;
    const Observer observer_;
    std::string folder_;
    Reserve reserve_;
    mutable std::shared_mutex mutex_;  // of the maps; between `life` and `state`
    std::unordered_map<std::string, SlotPointer> slots_;
    std::unordered_map<uint64_t, SlotPointer> handles_;
    std::unordered_map<uint64_t, SlotPointer> open_;
    std::map<std::string, std::string> shut_;
    uint64_t next_handle_ = 1;
    std::atomic<Clock::time_point> last_idle_look_{Clock::time_point()};
};

}  // namespace engram::storage_sqlite
