#include "health/server.hpp"

namespace engram::health {

void judgePlugins(const std::vector<loader::InstanceState>& states, Findings& out) {
    for (const loader::InstanceState& state : states) {
        if (state.state == loader::State::Started && state.health.empty()) continue;
        const bool down = state.state != loader::State::Started;
        const std::string why = state.health.empty() ? loader::nameOf(state.state) : state.health;
        const char* code = down ? "plugin_down" : state.degraded ? "plugin_degraded" : "plugin_unwell";
        out.push_back(finding(code, state.name + ": " + why));
    }
}

void judgeSpool(uint64_t waiting_bytes, uint64_t max_bytes, Findings& out) {
    if (waiting_bytes <= max_bytes / 2) return;
    out.push_back(finding("spool_backlog", std::to_string(waiting_bytes >> 10) + " of " + std::to_string(max_bytes >> 10) +
                                               " KiB are not consumed"));
}

void judgeLog(uint64_t dropped_lines, Findings& out) {
    if (dropped_lines > 0) out.push_back(finding("log_dropped", std::to_string(dropped_lines) + " lines since the start"));
}

}  // namespace engram::health
