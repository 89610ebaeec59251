// The configuration of agents that speak MCP: where each keeps it, and the text with Engram added or removed.
//
// Entries and members that are not ours stay as they are; a text that cannot be read is refused. Pure; any thread.
#pragma once

#include <engram/cpp/result.hpp>

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace engram::cli {

enum class AgentFormat {
    McpServers,  // JSON: {"mcpServers": {"engram": {"command": …, "args": […]}}}
    Servers,     // JSON: {"servers": {"engram": {"type": "stdio", …}}}
    Toml         // [mcp_servers.engram]
};

struct Agent {
    std::string_view name;   // "cursor"
    std::string_view title;  // "Cursor"
    AgentFormat format;
    std::string_view linux_path, mac_path;  // below home; "$XDG_CONFIG_HOME/…" and "$CODEX_HOME/…" are followed
    std::string_view then;   // what the person does next
};

std::span<const Agent> agents();
const Agent* findAgent(std::string_view name);

enum class System { Linux, Mac };

// Where the agent reads its configuration. Error: HOME is not set. `environment` is getenv().
Result<std::string> configPath(const Agent& agent, System system,
                               const std::function<const char*(const char*)>& environment);

// How an agent starts the server: a program and its arguments.
struct Launch {
    std::string command;
    std::vector<std::string> arguments;
};

// What belongs into the file, alone.
std::string snippet(const Agent& agent, const Launch& launch);

// The file's text with Engram in it; the same text if it is there already. Error: the text is no valid configuration, or
// has a place where Engram cannot be added.
Result<std::string> withEngram(const Agent& agent, const std::string& text, const Launch& launch);
// The text without it; the same text if it is not there.
Result<std::string> withoutEngram(const Agent& agent, const std::string& text);

}  // namespace engram::cli
