// A memory as the engine knows it, what a caller may give, and the limits on it. Values.
#pragma once

#include "engine/uuid.hpp"

#include <engram/cpp/result.hpp>

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace engram::engine {

inline constexpr size_t kMaxContent = 1u << 20;   // bytes
inline constexpr size_t kMaxMetadata = 64u << 10; // bytes of JSON
inline constexpr size_t kMaxTags = 64;
inline constexpr size_t kMaxTag = 128;            // bytes

// What people say of a memory. Times are milliseconds since the epoch.
struct MemoryFields {
    std::string workspace = "default", type = "note", content;
    std::string metadata = "{}";  // a JSON object
    std::vector<std::string> tags;
    double importance = 0.5;  // 0 to 1
    bool pinned = false;      // does not expire, does not fade with age, and only a delete of its own deletes it
    std::optional<int64_t> occurred_at, expires_at;
    std::optional<int64_t> valid_from, valid_until;  // when it holds in the world: from <= time < until; absent: open
};

struct Memory : MemoryFields {
    enum class State { Live, Deleted };

    Uuid id;
    int64_t created_at = 0, updated_at = 0;
    uint64_t version = 0, lsn = 0;
    State state = State::Live;
    std::string name{};  // that of its text, if it was stored on the condition that no other has it; see duplicates.hpp
};

// A memory that expires is of the daily tier, another of the permanent one.
inline constexpr int64_t kDailyTtl = 24LL * 3600 * 1000;
inline std::string_view tierOf(const MemoryFields& memory) { return memory.expires_at ? "daily" : "permanent"; }

// What to do with a memory whose text another of its workspace has already.
enum class OnDuplicate { Allow, Reject, Skip, Merge };

struct NewMemory : MemoryFields {
    OnDuplicate on_duplicate = OnDuplicate::Allow;
};

struct MemoryPatch {  // outer optional: given; inner: a value, or cleared
    std::optional<std::string> content, type, metadata;
    std::optional<std::vector<std::string>> tags;
    std::optional<double> importance;
    std::optional<bool> pinned;
    std::optional<bool> useful;  // feedback: its importance moves a fifth of the way to 1, or to 0
    std::optional<std::optional<int64_t>> occurred_at, expires_at, valid_from, valid_until;
};

// content_too_large or invalid_value, with a pointer to the member.
Result<void> validate(const MemoryFields& memory);
Result<void> validateWorkspace(std::string_view name);
// The first version of a memory, with an id of its own. now: milliseconds.
Memory firstVersion(MemoryFields given, int64_t now);

// Of content and metadata that one request reads to write it anew.
inline constexpr size_t kMaxChangedBytes = 16u << 20;
inline Error tooMuchToChange() {
    return {"batch_too_large", "these memories have more than 16 MiB of text", "send fewer ids a request", "/ids"};
}

inline bool expired(const Memory& memory, int64_t now) { return memory.expires_at && *memory.expires_at <= now; }

inline Error memoryPinned(const Uuid& id) {
    return {"memory_pinned", "memory " + id.text() + " is pinned", "unpin it, or delete it by itself", ""};
}

inline Error memoryNotFound(const Uuid& id) { return {"memory_not_found", "no memory " + id.text(), "", "/id"}; }

// The JSON answer to a write, open at its end (no closing brace): the LSN is not known yet. It is stored with an
// idempotency key and handed back when the key comes again.
using Render = std::function<std::string(std::span<const Memory>)>;

// What became of one item of a request about several memories.
struct Written {
    enum class Outcome { Created, Merged, Skipped, Changed, Unchanged, Deleted, Refused };
    Memory memory;  // as it is now; Refused: of a duplicate the one that is there, else its id alone
    Outcome outcome = Outcome::Refused;
    Error error{};  // of Refused
};
using RenderWritten = std::function<std::string(std::span<const Written>)>;

// Independent: an item that is refused hinders no other. Together: it refuses the request; nothing is written.
enum class Items { Independent, Together };

// Several memories become one.
struct Merge {
    std::vector<Uuid> ids;               // 2 to 100, of one workspace; the first is kept, the others are deleted
    std::optional<std::string> content;  // of the one that is kept, if its own does not say it all
};

// One change of many memories.
struct BulkChange {
    enum class Kind { Delete, Tags } kind = Kind::Delete;
    std::vector<std::string> add_tags{}, remove_tags{};
};

struct Limit {
    std::string counter;  // see engram_limit
    uint64_t max;
    std::string unit{};  // how people call what is counted: "memories"
};

struct WriteOptions {
    std::string idempotency_key;
    std::array<uint8_t, 32> request_hash{};
    std::vector<Limit> limits;
    Render render;
};

struct Receipt {
    enum class Origin { Applied, Replayed };
    std::string answer;
    uint64_t lsn = 0;
    Origin origin = Origin::Applied;
};

}  // namespace engram::engine
