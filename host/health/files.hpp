// Checks of the files in the data directory: permissions, secrets lying about, leftovers. Reads names and modes, never
// contents. Any thread; blocks on the disk.
#pragma once

#include "health/issue.hpp"

#include <string>

namespace engram::health {

// data_unreadable, data_open (one finding: the first file and how many others), secret_readable (each), first_key_file. A
// missing folder is no finding: it is made by the first start. At most 20,000 files are looked at.
void checkFiles(const std::string& data, Findings& out);

// leftover_file: what an interrupted snapshot, restore or cursor left. Only while no server runs, which uses such names.
void checkLeftovers(const std::string& data, Findings& out);

// config_writable: the configuration file, or its folder, can be written by group (other than root) or others.
void checkConfigFile(const std::string& path, Findings& out);

}  // namespace engram::health
