// Checks of the configuration and of the plugins' files, as a start would find them. Reads files; runs no plugin's code.
#pragma once

#include "config/settings.hpp"
#include "health/issue.hpp"

#include <optional>

namespace engram::health {

// The settings if they are valid; config_invalid for each problem, plugin_refused, config_writable.
std::optional<config::Settings> checkSetup(const config::Sources& sources, Findings& out);

}  // namespace engram::health
