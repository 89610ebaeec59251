#include "cli/agent_config.hpp"

#include "config/toml.hpp"
#include "json/json.hpp"

#include <rapidjson/prettywriter.h>

#include <algorithm>

namespace engram::cli {
namespace {

constexpr std::string_view kName = "engram";

constexpr Agent kAgents[] = {
    {"claude", "Claude Code", AgentFormat::McpServers, ".claude.json", ".claude.json", "start a new session of claude"},
    {"claude-desktop", "Claude Desktop", AgentFormat::McpServers, "$XDG_CONFIG_HOME/Claude/claude_desktop_config.json",
     "Library/Application Support/Claude/claude_desktop_config.json", "quit Claude Desktop and open it again"},
    {"cursor", "Cursor", AgentFormat::McpServers, ".cursor/mcp.json", ".cursor/mcp.json", "enable engram in Cursor's settings under MCP"},
    {"vscode", "Visual Studio Code", AgentFormat::Servers, "$XDG_CONFIG_HOME/Code/User/mcp.json",
     "Library/Application Support/Code/User/mcp.json", "run 'MCP: List Servers' in VS Code and start engram"},
    {"codex", "Codex", AgentFormat::Toml, "$CODEX_HOME/config.toml", "$CODEX_HOME/config.toml", "start a new session of codex"},
    {"windsurf", "Windsurf", AgentFormat::McpServers, ".codeium/windsurf/mcp_config.json", ".codeium/windsurf/mcp_config.json",
     "refresh the list of MCP servers in Windsurf's settings"},
};

using Allocator = json::Document::AllocatorType;

const char* keyOf(const Agent& agent) { return agent.format == AgentFormat::Servers ? "servers" : "mcpServers"; }

json::Value entryOf(const Launch& launch, Allocator& a) {
    json::Value entry(rapidjson::kObjectType), arguments(rapidjson::kArrayType);
    for (const std::string& word : launch.arguments) arguments.PushBack(json::copy(word, a), a);
    entry.AddMember("type", "stdio", a);
    entry.AddMember("command", json::copy(launch.command, a), a);
    entry.AddMember("args", arguments, a);
    return entry;
}

std::string pretty(const json::Value& value) {
    json::Buffer buffer;
    rapidjson::PrettyWriter<json::Buffer> writer(buffer);
    writer.SetIndent(' ', 2);
    value.Accept(writer);
    return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
}

bool blank(const std::string& text) { return text.find_first_not_of(" \t\r\n") == std::string::npos; }

Result<json::Document> readJson(const std::string& text) {
    if (blank(text)) return json::Document(rapidjson::kObjectType);
    auto parsed = json::parse(text, 512);
    if (!parsed) return Error{"", parsed.error().message, "correct the file, or add by hand what --print shows (a file with comments is not changed)", ""};
    if (!parsed->IsObject()) return Error{"", "the file is not a JSON object", "correct the file", ""};
    return parsed;
}

Result<std::string> withJson(const Agent& agent, const std::string& text, const Launch& launch) {
    auto document = readJson(text);
    if (!document) return document.error();
    Allocator& a = document->GetAllocator();
    const char* key = keyOf(agent);
    if (!document->HasMember(key)) document->AddMember(json::copy(key, a), json::Value(rapidjson::kObjectType), a);
    json::Value& servers = (*document)[key];
    if (!servers.IsObject())
        return Error{"", "'" + std::string(key) + "' in the file is not an object", "correct the file", ""};
    json::Value entry = entryOf(launch, a);
    const auto there = servers.FindMember(kName.data());
    if (there == servers.MemberEnd()) {
        servers.AddMember(json::copy(kName, a), entry, a);
        return pretty(*document);
    }
    if (!there->value.IsObject()) return Error{"", "the entry 'engram' in the file is not an object", "correct the file", ""};
    // What somebody added to our entry (an environment, a time limit) stays.
    bool same = true;
    for (auto& member : entry.GetObject()) {
        const auto old = there->value.FindMember(member.name);
        if (old != there->value.MemberEnd() && old->value == member.value) continue;
        same = false;
        if (old != there->value.MemberEnd()) old->value = json::Value(member.value, a);
        else there->value.AddMember(json::Value(member.name, a), json::Value(member.value, a), a);
    }
    if (there->value.RemoveMember("url")) same = false;  // of an entry that meant a server over HTTP
    return same ? text : pretty(*document);
}

Result<std::string> withoutJson(const Agent& agent, const std::string& text) {
    auto document = readJson(text);
    if (!document) return document.error();
    const auto servers = document->FindMember(keyOf(agent));
    if (servers == document->MemberEnd() || !servers->value.IsObject() || !servers->value.RemoveMember(kName.data()))
        return text;
    return pretty(*document);
}

std::string tomlText(const std::string& text) { return json::write(json::Value(rapidjson::StringRef(text.data(), text.size()))); }

std::string tomlEntry(const Launch& launch) {
    std::string out = "[mcp_servers.engram]\ncommand = " + tomlText(launch.command) + "\nargs = [";
    for (size_t i = 0; i < launch.arguments.size(); ++i) out += (i ? ", " : "") + tomlText(launch.arguments[i]);
    return out + "]\n";
}

const config::TomlValue* find(const config::TomlTable& table, std::string_view name) {
    for (const auto& [key, value] : table)
        if (key == name) return &value;
    return nullptr;
}

// [mcp_servers.engram] of a TOML text; nullptr if it has none.
const config::TomlTable* tomlEngram(const config::TomlTable& file) {
    const config::TomlValue* servers = find(file, "mcp_servers");
    const auto* table = servers ? std::get_if<config::TomlTable>(&servers->value) : nullptr;
    const config::TomlValue* engram = table ? find(*table, kName) : nullptr;
    return engram ? std::get_if<config::TomlTable>(&engram->value) : nullptr;
}

bool says(const config::TomlTable& entry, const Launch& launch) {
    const config::TomlValue* command = find(entry, "command");
    const config::TomlValue* arguments = find(entry, "args");
    const auto* text = command ? std::get_if<std::string>(&command->value) : nullptr;
    const auto* list = arguments ? std::get_if<config::TomlArray>(&arguments->value) : nullptr;
    if (!text || *text != launch.command || !list || list->size() != launch.arguments.size()) return false;
    for (size_t i = 0; i < list->size(); ++i) {
        const auto* word = std::get_if<std::string>(&(*list)[i].value);
        if (!word || *word != launch.arguments[i]) return false;
    }
    return true;
}

Result<config::TomlTable> readTomlText(const std::string& text) {
    auto parsed = config::parseToml(text, "the file");
    if (auto* problems = std::get_if<config::Problems>(&parsed)) return Error{"", problems->front().text(), "correct the file", ""};
    return std::move(std::get<config::TomlTable>(parsed));
}

// The text without the lines of [mcp_servers.engram] and of tables below it. Comments elsewhere stay where they are.
std::string cutToml(const std::string& text) {
    std::string out;
    bool ours = false;
    for (size_t at = 0; at < text.size();) {
        const size_t end = std::min(text.find('\n', at), text.size() - 1) + 1;
        const std::string line = text.substr(at, end - at);
        at = end;
        const size_t first = line.find_first_not_of(" \t");
        if (first != std::string::npos && line[first] == '[') {
            const std::string head = line.substr(first);
            ours = head.starts_with("[mcp_servers.engram]") || head.starts_with("[mcp_servers.engram.");
        }
        if (!ours) out += line;
    }
    return out;
}

Result<std::string> withToml(const std::string& text, const Launch& launch) {
    auto before = readTomlText(text);
    if (!before) return before.error();
    const config::TomlTable* there = tomlEngram(*before);
    if (there && says(*there, launch)) return text;
    std::string out = cutToml(text);
    while (out.ends_with("\n\n")) out.pop_back();
    if (!out.empty() && !out.ends_with('\n')) out += '\n';
    out += (out.empty() ? "" : "\n") + tomlEntry(launch);
    auto after = readTomlText(out);
    const config::TomlTable* entry = after ? tomlEngram(*after) : nullptr;
    if (!entry || !says(*entry, launch))
        return Error{"", "the file writes mcp_servers in a form that cannot be added to", "add by hand what --print shows", ""};
    return out;
}

Result<std::string> withoutToml(const std::string& text) {
    auto before = readTomlText(text);
    if (!before) return before.error();
    if (!tomlEngram(*before)) return text;
    const std::string out = cutToml(text);
    auto after = readTomlText(out);
    if (!after || tomlEngram(*after))
        return Error{"", "the file writes mcp_servers in a form that cannot be changed", "remove engram by hand", ""};
    return out;
}

}  // namespace

std::span<const Agent> agents() { return kAgents; }

const Agent* findAgent(std::string_view name) {
    const auto found = std::ranges::find(kAgents, name, &Agent::name);
    return found == std::end(kAgents) ? nullptr : found;
}

Result<std::string> configPath(const Agent& agent, System system,
                               const std::function<const char*(const char*)>& environment) {
    const auto value = [&](const char* name) {
        const char* text = environment(name);
        return std::string(text && *text == '/' ? text : "");
    };
    const std::string home = value("HOME");
    std::string path(system == System::Mac ? agent.mac_path : agent.linux_path);
    for (const auto& [variable, fallback] : {std::pair{"XDG_CONFIG_HOME", "/.config"}, std::pair{"CODEX_HOME", "/.codex"}}) {
        const std::string prefix = "$" + std::string(variable);
        if (!path.starts_with(prefix)) continue;
        std::string folder = value(variable);
        if (folder.empty() && !home.empty()) folder = home + fallback;
        if (!folder.empty()) return folder + path.substr(prefix.size());
    }
    if (home.empty()) return Error{"", "HOME is not set", "name the file with --file", ""};
    return home + "/" + path;
}

std::string snippet(const Agent& agent, const Launch& launch) {
    if (agent.format == AgentFormat::Toml) return tomlEntry(launch);
    json::Document document(rapidjson::kObjectType);
    Allocator& a = document.GetAllocator();
    json::Value servers(rapidjson::kObjectType);
    servers.AddMember(json::copy(kName, a), entryOf(launch, a), a);
    document.AddMember(json::copy(keyOf(agent), a), servers, a);
    return pretty(document);
}

Result<std::string> withEngram(const Agent& agent, const std::string& text, const Launch& launch) {
    return agent.format == AgentFormat::Toml ? withToml(text, launch) : withJson(agent, text, launch);
}

Result<std::string> withoutEngram(const Agent& agent, const std::string& text) {
    return agent.format == AgentFormat::Toml ? withoutToml(text) : withoutJson(agent, text);
}

}  // namespace engram::cli
