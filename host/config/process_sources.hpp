// What a configuration is read with: the process's environment and the folder of its executable.
#pragma once

#include "config/settings.hpp"

#include <string>
#include <utility>
#include <vector>

namespace engram::config {

Sources sourcesOf(const std::string& file, const std::vector<std::pair<std::string, std::string>>& sets);

}  // namespace engram::config
