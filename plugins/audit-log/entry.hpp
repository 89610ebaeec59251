// A line of the log: one JSON object with the event, its sequence number, the hash of the line before and its own.
//
//   {"seq":7,"id":"…","at":"…","tenant":"…","operation":"…","subject":"…","status":200,"details":{…},"prev":"…","hash":"…"}
//
// The hash is the SHA-256 of everything before `,"hash"`, and so of the hash of the line before. Pure functions; any thread.
#pragma once

#include <engram/metering.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace engram::audit_log {

inline constexpr std::string_view kNoHash = "0000000000000000000000000000000000000000000000000000000000000000";

struct Link {  // where the chain stands
    uint64_t seq = 0;  // of the newest line; 0 = none
    std::string hash{kNoHash};
};

// The line of an event, with its newline; `link` moves on to it.
std::string lineOf(const engram_event& event, Link& link);

struct Sealed {  // what every line has, read without parsing all of it
    uint64_t seq = 0;
    std::string_view prev, hash;
    engram_uuid id{};
};

// Nothing if the text (without newline) is not a line, or its hash is not that of its content.
std::optional<Sealed> unseal(std::string_view line);

// A line as an event again; owns what the event points to.
struct Entry {
    engram_uuid id{};
    engram_time at = 0;
    uint32_t status = 0;
    uint64_t seq = 0;
    std::string tenant, operation, subject, details;
    engram_event event() const;
};
std::optional<Entry> parseEntry(std::string_view line);

}  // namespace engram::audit_log
