// The commands that need no server: config, plugin, version, openapi.
#pragma once

#include "cli/command.hpp"

#include <vector>

namespace engram::cli {

void addLocalCommands(std::vector<Command>& commands);

}  // namespace engram::cli
