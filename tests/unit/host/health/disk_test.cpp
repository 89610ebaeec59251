#include "health/disk.hpp"

#include "codes.hpp"
#include "support/temporary_folder.hpp"
#include "support/test.hpp"

using namespace engram::health;

namespace {

constexpr uint64_t kGiB = 1u << 30;

DiskFacts roomy() {
    DiskFacts facts;
    facts.path = "/data";
    facts.free_bytes = 10 * kGiB;
    facts.total_bytes = 20 * kGiB;
    facts.free_inodes = facts.total_inodes = 1000000;
    facts.type = 0xEF53;  // ext4
    return facts;
}

std::string judged(const DiskFacts& facts) {
    Findings out;
    judgeDisk(facts, out);
    return codesOf(out);
}

}  // namespace

TEST("a roomy local disk is well") { CHECK_TEXT("", judged(roomy())); }

TEST("little space is a warning, hardly any an error, not both") {
    DiskFacts facts = roomy();
    facts.free_bytes = kGiB - 1;
    CHECK_TEXT("disk_low", judged(facts));
    facts.free_bytes = 63u << 20;
    CHECK_TEXT("disk_full", judged(facts));
}

TEST("inodes are judged by share, and not at all where they are not counted") {
    DiskFacts facts = roomy();
    facts.free_inodes = 999;
    CHECK_TEXT("inodes_low", judged(facts));
    facts.total_inodes = 2000;  // a small file system with half of them free
    CHECK_TEXT("", judged(facts));
    facts.free_inodes = facts.total_inodes = 0;
    CHECK_TEXT("", judged(facts));
}

TEST("network file systems are unsafe, memory is volatile") {
    DiskFacts facts = roomy();
    for (const int64_t type : {0x6969L, 0x517BL, 0xFF534D42L, 0xFE534D42L, 0x01021997L}) {
        facts.type = type;
        CHECK_TEXT("filesystem_unsafe", judged(facts));
    }
    facts.type = 0x01021994;
    CHECK_TEXT("filesystem_volatile", judged(facts));
}

TEST("a read-only file system is an error") {
    DiskFacts facts = roomy();
    facts.access = DiskFacts::Access::ReadOnly;
    CHECK_TEXT("filesystem_read_only", judged(facts));
}

TEST("the figures of a folder are those of its file system; a missing one is an error that names it") {
    const engram::testing::TemporaryFolder folder;
    auto facts = readDisk(folder.path());
    CHECK(facts.ok());
    CHECK(facts->total_bytes >= facts->free_bytes && facts->total_bytes > 0);
    auto missing = readDisk(folder.path() + "/none");
    CHECK(!missing.ok());
    CHECK(missing.error().message.find("/none") != std::string::npos);
}
