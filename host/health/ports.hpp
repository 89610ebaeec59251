// Who listens on a TCP port of this machine, by /proc/net/tcp and the descriptors of processes. Any thread.
#pragma once

#include "health/issue.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace engram::health {

struct Listener {
    int pid = 0;          // 0: not visible to us (another user's process)
    std::string command;  // as in /proc/<pid>/comm
};

// A process that listens on the port at an address that overlaps `host` (an IPv4 or IPv6 address, or "localhost"):
// the same, or any of the two is the wildcard. `proc` is where the process file system is mounted. Nothing if the port
// is free.
std::optional<Listener> findListener(const std::string& host, uint16_t port, const std::string& proc = "/proc");

// port_in_use for "HOST:PORT" if somebody listens there. Port 0 is always free. `key` is the configuration's.
void checkPort(const std::string& address, const std::string& key, Findings& out);

}  // namespace engram::health
