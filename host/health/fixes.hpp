// The fixes that are safe to make without asking: permissions, sockets of servers that are gone, leftovers. One thread.
#pragma once

#include "health/issue.hpp"

#include <string>
#include <vector>

namespace engram::health {

enum class Mode { Apply, DryRun };

struct Fix {
    std::string code;   // of the issue
    std::string done;   // "chmod 0600 /path", "remove /path"; in a dry run what would be done
    std::string error;  // why it failed, empty if it did not
};

// Fixes what can be fixed among the findings of this process (those with a path):
// data_open, secret_readable, config_writable: takes permissions of group and others away; links are not followed.
// stale_socket: removes it if still nobody listens there. leftover_file: removes it. Both under the data's lock (a
// socket older than a minute without), or not at all if a server holds that.
// Secrets, contents and configurations are never changed.
std::vector<Fix> applyFixes(const Findings& findings, const std::string& data, Mode mode);

}  // namespace engram::health
