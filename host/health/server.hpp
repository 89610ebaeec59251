// Checks of a running server by its own figures: plugins, spool, log. Pure; any thread.
#pragma once

#include "health/issue.hpp"
#include "loader/plugin_set.hpp"

#include <cstdint>
#include <vector>

namespace engram::health {

// plugin_down: not started. plugin_degraded, plugin_unwell: started, but says that a part of it is, or that it is wrong.
void judgePlugins(const std::vector<loader::InstanceState>& states, Findings& out);

// spool_backlog: over half of `max_bytes` wait to be consumed.
void judgeSpool(uint64_t waiting_bytes, uint64_t max_bytes, Findings& out);

// log_dropped: any line since the start.
void judgeLog(uint64_t dropped_lines, Findings& out);

}  // namespace engram::health
