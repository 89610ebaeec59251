// Reads the whole log and says whether it is as it was written. Pure but for reading files; any thread.
#pragma once

#include "log_files.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace engram::audit_log {

struct Verdict {
    uint64_t entries = 0, first = 0, last = 0;
    std::string head;     // hash of the newest line
    std::string problem;  // the first that was found; empty = none
};

// Every line has the hash of its content, names the hash of the line before and the next number, and the log reaches
// where `head` says. It may begin anywhere: old files are removed.
Verdict judge(const std::vector<LogFiles::Part>& parts, const Link& head);

}  // namespace engram::audit_log
