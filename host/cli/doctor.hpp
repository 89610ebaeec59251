// `engram doctor`: what is wrong here, with the fix for each; with or without a running server. One thread.
#pragma once

#include "cli/command.hpp"

#include <vector>

namespace engram::cli {

void addDoctor(std::vector<Command>& commands);

}  // namespace engram::cli
