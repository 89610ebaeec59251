// Records and edges as this plugin keeps them: owned copies of what the ABI lends. Values.
#pragma once

#include <engram/storage.h>

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace engram::storage_memory {

using Id = std::array<uint8_t, 16>;

Id idOf(const engram_uuid& id);
engram_uuid abiId(const Id& id);

struct Version {
    Id id{};
    uint32_t kind = 0;
    std::string workspace, name, type, text, metadata;
    Id parent{};
    uint64_t position = 0;
    std::vector<std::string> tags;
    double importance = 0;
    engram_time occurred_at = ENGRAM_TIME_NONE, created_at = 0, updated_at = 0, expires_at = ENGRAM_TIME_NONE,
                valid_from = ENGRAM_TIME_NONE, valid_until = ENGRAM_TIME_NONE;
    std::map<std::string, uint32_t> terms;
    std::map<uint32_t, std::vector<float>> vectors;  // by space
    uint32_t length = 0;
    bool deleted = false, pinned = false;
    uint64_t version = 0, lsn_from = 0, lsn_to = ENGRAM_LSN_MAX, rid = 0;

    bool visibleAt(uint64_t lsn) const { return lsn_from <= lsn && lsn < lsn_to; }
    size_t bytes() const { return text.size() + metadata.size(); }
};

struct Edge {
    Id from{}, to{};
    std::string type, metadata;
    double weight = 0;
    engram_time valid_from = ENGRAM_TIME_NONE, valid_until = ENGRAM_TIME_NONE, created_at = 0;
    bool deleted = false;
    uint64_t lsn_from = 0, lsn_to = ENGRAM_LSN_MAX;
};

Version versionOf(const engram_record& record);
Edge edgeOf(const engram_edge& edge);

// Calls `push` with the ABI form of a version, carrying what `want` asks for.
engram_status lend(const Version& version, uint32_t want, const engram_rows& rows, size_t index);
engram_status lendChange(uint32_t kind, uint64_t lsn, const Version& version, const engram_changes& sink);
engram_edge abiEdge(const Edge& edge);
bool allFinite(const float* values, size_t n);

}  // namespace engram::storage_memory
