// Checks of the disk the data is on: free space, inodes, kind of file system, whether it can be written. Any thread;
// readDisk() may block on a dead network mount.
#pragma once

#include "health/issue.hpp"

#include <engram/cpp/result.hpp>

#include <cstdint>
#include <string>

namespace engram::health {

struct DiskFacts {
    enum class Access { ReadWrite, ReadOnly };
    std::string path;
    uint64_t free_bytes = 0, total_bytes = 0;  // free: to a user without privileges
    uint64_t free_inodes = 0, total_inodes = 0;  // total 0: the file system does not count them
    int64_t type = 0;                            // statfs(2) f_type
    Access access = Access::ReadWrite;
};

// Of the file system that holds `path`. Error "data_directory": the path cannot be reached.
Result<DiskFacts> readDisk(const std::string& path);

// disk_full (under 64 MiB), disk_low (under 1 GiB), inodes_low (under 1 per cent, at most 1,000), filesystem_unsafe,
// filesystem_volatile, filesystem_read_only.
void judgeDisk(const DiskFacts& facts, Findings& out);

}  // namespace engram::health
