// The control plane's SQLite file: one connection, used by one thread at a time.
//
// Every change bumps the epoch; a deletion leaves a row in `deletions`, so that the feed can tell of it.
#pragma once

#include "document.hpp"

#include <Poco/Data/Session.h>

#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace engram::tenancy_sqlite {

struct Document {
    uint32_t kind = 0;
    std::string tenant, id, json;  // json empty: deleted
    uint64_t version = 0, epoch = 0;
};

struct Change {
    const Kind* kind;
    std::string tenant, id;
    std::optional<Row> row;  // none = delete
    uint64_t expected;
    uint64_t max_count = 0;  // of its kind in the tenant, with it; 0 = any number
};

enum class Applied { Done, VersionDiffers, NameTaken, TooMany };

struct ApplyResult {
    Applied applied = Applied::Done;
    size_t failed = 0;   // index of the change
    uint64_t epoch = 0;  // after the changes
};

// Throws Poco::Exception when SQLite fails. Not thread-safe: the plugin holds its mutex.
class ControlDatabase {
public:
    // Opens or makes the file; brings an older schema up to date.
    explicit ControlDatabase(const std::string& path);
    ~ControlDatabase();

    uint64_t epoch();
    // Reads through the whole file; what SQLite finds wrong first, empty = sound.
    std::string damage();
    std::optional<Document> get(const Kind& kind, const std::string& tenant, const std::string& key, bool by_name);
    std::vector<Document> list(const Kind& kind, const std::string& tenant, const std::string& after, uint32_t limit);
    // All or nothing, on disk on return.
    ApplyResult apply(const std::vector<Change>& changes);
    std::vector<Document> changes(uint64_t after_epoch, uint32_t limit);

private:
    void migrate();
    std::vector<Document> select(const Kind& kind, const std::string& where, std::vector<std::string> values);
    Applied applyOne(const Change& change, uint64_t epoch);
    uint64_t count(const Kind& kind, const std::string& tenant);

    Poco::Data::Session session_;
};

}  // namespace engram::tenancy_sqlite
