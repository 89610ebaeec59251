// Checks of what the process may use: open files and memory. Any thread.
#pragma once

#include "health/issue.hpp"

#include <cstdint>
#include <string>

namespace engram::health {

struct LimitFacts {
    uint64_t descriptors = 0;       // RLIMIT_NOFILE, soft
    uint64_t descriptors_open = 0;  // of this process
    uint64_t descriptors_wanted = 0;  // what the configuration may need
    uint64_t memory_free = 0;       // bytes: of the machine or of the control group, whichever is less
    uint64_t memory_limit = 0;      // bytes in all
    std::string memory_of;          // "the machine", "the control group"
};

// Of this process. `connections` is server.max_connections. Figures that cannot be read are 0.
LimitFacts readLimits(uint64_t connections);

// descriptors_low; descriptors_used (over 80 per cent); memory_low (under 32 MiB or 5 per cent free).
void judgeLimits(const LimitFacts& facts, Findings& out);

}  // namespace engram::health
