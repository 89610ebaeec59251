// Shell completions and the manual page, written from the table of commands. Pure; any thread.
#pragma once

#include "cli/command.hpp"

#include <ostream>
#include <span>
#include <string_view>
#include <vector>

namespace engram::cli {

// A script for "bash", "zsh" or "fish"; false for another shell.
bool writeCompletion(std::span<const Command> commands, std::string_view shell, std::ostream& out);

// engram(1) in man(7) format.
void writeManual(std::span<const Command> commands, std::ostream& out);

// `engram completion SHELL` and `engram manual`, over the commands that are in the table and themselves.
void addCompletion(std::vector<Command>& commands);

}  // namespace engram::cli
