#include "health/disk.hpp"

#include <cerrno>
#include <cstring>

#include <sys/statvfs.h>
#include <sys/vfs.h>

namespace engram::health {
namespace {

constexpr uint64_t kMiB = 1u << 20;
constexpr uint64_t kFull = 64 * kMiB, kLow = 1024 * kMiB, kFewInodes = 1000;

struct FileSystem {
    int64_t type;  // statfs(2), linux/magic.h
    const char* name;
    const char* code;
};

constexpr FileSystem kFileSystems[] = {
    {0x6969, "NFS", "filesystem_unsafe"},       {0x517B, "SMB", "filesystem_unsafe"},
    {0xFF534D42, "CIFS", "filesystem_unsafe"},  {0xFE534D42, "SMB 2", "filesystem_unsafe"},
    {0x01021997, "9P", "filesystem_unsafe"},    {0x00C36400, "Ceph", "filesystem_unsafe"},
    {0x5346414F, "AFS", "filesystem_unsafe"},   {0x786F4256, "a VirtualBox share", "filesystem_unsafe"},
    {0x01021994, "tmpfs", "filesystem_volatile"}, {0x858458F6, "ramfs", "filesystem_volatile"},
};

std::string inMiB(uint64_t bytes) { return std::to_string(bytes / kMiB) + " MiB"; }

}  // namespace

Result<DiskFacts> readDisk(const std::string& path) {
    struct statvfs space {};
    struct statfs kind {};
    if (statvfs(path.c_str(), &space) != 0 || statfs(path.c_str(), &kind) != 0)
        return Error{"data_directory", path + ": " + std::strerror(errno), "", ""};
    DiskFacts facts;
    facts.path = path;
    facts.free_bytes = uint64_t(space.f_bavail) * space.f_frsize;
    facts.total_bytes = uint64_t(space.f_blocks) * space.f_frsize;
    facts.free_inodes = space.f_favail;
    facts.total_inodes = space.f_files;
    facts.type = kind.f_type & 0xFFFFFFFF;
    facts.access = space.f_flag & ST_RDONLY ? DiskFacts::Access::ReadOnly : DiskFacts::Access::ReadWrite;
    return facts;
}

void judgeDisk(const DiskFacts& facts, Findings& out) {
    const std::string free = facts.path + ": " + inMiB(facts.free_bytes) + " of " + inMiB(facts.total_bytes) + " free";
    if (facts.free_bytes < kFull) out.push_back(finding("disk_full", free));
    else if (facts.free_bytes < kLow) out.push_back(finding("disk_low", free));
    const uint64_t few = facts.total_inodes / 100;
    if (facts.total_inodes > 0 && facts.free_inodes < (few < kFewInodes ? few : kFewInodes))
        out.push_back(finding("inodes_low", facts.path + ": " + std::to_string(facts.free_inodes) + " of " +
                                                std::to_string(facts.total_inodes) + " inodes free"));
    for (const FileSystem& known : kFileSystems)
        if (known.type == facts.type) out.push_back(finding(known.code, facts.path + " is on " + known.name));
    if (facts.access == DiskFacts::Access::ReadOnly)
        out.push_back(finding("filesystem_read_only", facts.path + " is mounted read-only"));
}

}  // namespace engram::health
