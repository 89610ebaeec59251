// A gzipped tar file (POSIX ustar, RFC 1952) of small texts. One thread.
#pragma once

#include <engram/cpp/result.hpp>

#include <ctime>
#include <string>
#include <utility>
#include <vector>

namespace engram::cli {

// Name in the archive (at most 99 bytes) and content.
using ArchiveMember = std::pair<std::string, std::string>;

// Writes a new file with mode 0600; one that is there is not touched. Members get mode 0600 and the time `when`.
// Error "io": the file is there or cannot be written.
Result<void> writeArchive(const std::string& path, const std::vector<ArchiveMember>& members, std::time_t when);

}  // namespace engram::cli
