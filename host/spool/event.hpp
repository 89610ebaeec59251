// An event as the spool keeps it: usage of an operation, or an audit entry. A value with a binary form.
#pragma once

#include <engram/metering.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace engram::spool {

enum class Stream : uint8_t { Usage = 1, Audit = 2 };

struct Event {
    Stream stream = Stream::Usage;
    engram_uuid id{};
    uint32_t status_code = 0;
    int64_t occurred_at = 0;  // milliseconds since the epoch
    std::string tenant, workspace, route, subject, json;
    std::vector<std::pair<std::string, uint64_t>> counters;
};

// Appends the event's bytes.
void encode(std::string& out, const Event& event);
// Nothing if the bytes are not an event.
std::optional<Event> decode(std::string_view bytes);

}  // namespace engram::spool
