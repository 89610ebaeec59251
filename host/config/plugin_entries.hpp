// The [[plugin]] entries of a configuration file. Pure but for the references it resolves.
#pragma once

#include <string>
#include <vector>

#include "config/interpolate.hpp"
#include "config/settings.hpp"
#include "config/toml.hpp"

namespace engram::config {

// `value` is what stands under "plugin"; `path` the file, for messages. Adds to `problems` what is wrong.
std::vector<PluginEntry> readPlugins(const std::string& path, const TomlValue& value,
                                     const Surroundings& surroundings, Problems& problems);

}  // namespace engram::config
