#include "health/limits.hpp"

#include <filesystem>
#include <fstream>

#include <sys/resource.h>

namespace engram::health {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMiB = 1u << 20;
constexpr uint64_t kOwnDescriptors = 1024;  // files, sockets and databases beside the connections

uint64_t numberIn(const std::string& path) {
    std::ifstream file(path);
    uint64_t value = 0;
    return file >> value ? value : 0;  // "max" is no number: no limit
}

// A line "MemAvailable:   1234 kB" of /proc/meminfo, in bytes.
uint64_t ofMachine(const std::string& name) {
    std::ifstream file("/proc/meminfo");
    std::string word;
    uint64_t kib = 0;
    while (file >> word)
        if (word == name + ":" && file >> kib) return kib * 1024;
    return 0;
}

// Folder of our control group (version 2), empty if there is none.
std::string controlGroup() {
    std::ifstream file("/proc/self/cgroup");
    std::string line;
    while (std::getline(file, line))
        if (line.starts_with("0::")) return "/sys/fs/cgroup" + line.substr(3);
    return {};
}

// Memory that reading files filled can be taken back; it does not count as used.
uint64_t inactiveFile(const std::string& group) {
    std::ifstream file(group + "/memory.stat");
    std::string word;
    uint64_t value = 0;
    while (file >> word >> value)
        if (word == "inactive_file") return value;
    return 0;
}

}  // namespace

LimitFacts readLimits(uint64_t connections) {
    LimitFacts facts;
    rlimit files{};
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) facts.descriptors = files.rlim_cur;
    std::error_code failed;
    for (fs::directory_iterator it("/proc/self/fd", failed), end; !failed && it != end; it.increment(failed))
        ++facts.descriptors_open;
    facts.descriptors_wanted = connections + kOwnDescriptors;
    facts.memory_free = ofMachine("MemAvailable");
    facts.memory_limit = ofMachine("MemTotal");
    facts.memory_of = "the machine";
    const std::string group = controlGroup();
    const uint64_t limit = group.empty() ? 0 : numberIn(group + "/memory.max");
    if (limit == 0) return facts;
    uint64_t used = numberIn(group + "/memory.current");
    const uint64_t given_back = inactiveFile(group);
    used -= given_back < used ? given_back : used;
    const uint64_t free = used < limit ? limit - used : 0;
    if (free < facts.memory_free) {
        facts.memory_free = free;
        facts.memory_limit = limit;
        facts.memory_of = "the control group";
    }
    return facts;
}

void judgeLimits(const LimitFacts& facts, Findings& out) {
    const std::string allowed = std::to_string(facts.descriptors) + " open files are allowed";
    if (facts.descriptors > 0 && facts.descriptors < facts.descriptors_wanted)
        out.push_back(finding("descriptors_low", allowed + ", the configuration may need " +
                                                     std::to_string(facts.descriptors_wanted)));
    if (facts.descriptors > 0 && facts.descriptors_open > facts.descriptors / 5 * 4)
        out.push_back(finding("descriptors_used", allowed + ", " + std::to_string(facts.descriptors_open) + " are open"));
    if (facts.memory_limit == 0) return;
    if (facts.memory_free < 32 * kMiB || facts.memory_free < facts.memory_limit / 20)
        out.push_back(finding("memory_low", std::to_string(facts.memory_free / kMiB) + " of " +
                                                std::to_string(facts.memory_limit / kMiB) + " MiB of " + facts.memory_of +
                                                " are free"));
}

}  // namespace engram::health
