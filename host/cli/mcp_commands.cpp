// engram mcp: the server that agents launch, and the entry in their configuration that launches it.
#include "cli/client_commands.hpp"

#include "cli/agent_config.hpp"
#include "cli/agent_file.hpp"
#include "cli/mcp_bridge.hpp"
#include "config/did_you_mean.hpp"
#include "mcp/tool.hpp"

#include <cstdlib>
#include <filesystem>

#include <csignal>
#include <sysexits.h>

namespace engram::cli {
namespace {

using Takes = Option::Takes;

#ifdef __APPLE__
constexpr System kSystem = System::Mac;
#else
constexpr System kSystem = System::Linux;
#endif

const Option kFile{"file", Takes::Value, "PATH", "the agent's configuration, where it is not in its usual place"};
const Option kTools{"tools", Takes::Value, "all", "list every tool, for an agent that calls nothing but what is listed"};
const Option kMode{"mode", Takes::Value, "MODE", "what the agent may do: read_only, scoped_write, maintenance, or admin: all that the key may"};
const Option kDryRun{"dry-run", Takes::Nothing, "", "show what would change, change nothing"};

struct Target {
    const Agent* agent;
    std::string path;
};

Result<Target> targetOf(const Arguments& arguments) {
    const std::string& name = arguments.words[0];
    Target target{findAgent(name), arguments.get("file")};
    if (!target.agent) {
        std::vector<std::string_view> names;
        std::string all;
        for (const Agent& agent : agents()) {
            names.push_back(agent.name);
            all += (all.empty() ? "" : ", ") + std::string(agent.name);
        }
        const auto close = config::closest(name, names);
        return Error{"", "no agent '" + name + "' is known", close ? "did you mean '" + std::string(*close) + "'?" : "one of " + all, ""};
    }
    if (!target.path.empty()) return target;
    auto path = configPath(*target.agent, kSystem, [](const char* variable) { return std::getenv(variable); });
    if (!path) return path.error();
    target.path = *path;
    return target;
}

// Paths are made absolute: nobody knows in which folder the agent will be.
Launch launchOf(const Arguments& arguments) {
    std::error_code failed;
    Launch launch{std::filesystem::read_symlink("/proc/self/exe", failed).string(), {"mcp"}};
    for (const char* name : {"config", "data", "url", "key-file", "tools", "mode"}) {
        if (!arguments.has(name)) continue;
        std::string value = arguments.get(name);
        const bool path = name == std::string_view("config") || name == std::string_view("data") || name == std::string_view("key-file");
        if (path) value = std::filesystem::absolute(value, failed).lexically_normal().string();
        launch.arguments.insert(launch.arguments.end(), {"--" + std::string(name), value});
    }
    return launch;
}

int change(const Arguments& arguments, Streams streams, const Target& target, const std::string& nothing_to_do,
           const std::function<Result<std::string>(const std::string&)>& edit) {
    auto old = readAgentFile(target.path);
    if (!old) return tell(old.error(), EX_NOINPUT, streams);
    const std::string before = old->value_or("");
    auto after = edit(before);
    if (!after) return tell({"", target.path + ": " + after.error().message, after.error().hint, ""}, EX_DATAERR, streams);
    if (*after == before) {
        streams.out << nothing_to_do << " " << target.path << "\n";
        return EX_OK;
    }
    if (arguments.has("dry-run")) {
        streams.out << target.path << "\n" << changeOf(before, *after);
        return EX_OK;
    }
    auto backup = replaceAgentFile(target.path, *after, *old);
    if (!backup) return tell(backup.error(), EX_CANTCREAT, streams);
    streams.out << "wrote " << target.path << "\n";
    if (!backup->empty()) streams.out << "the old file is " << *backup << "\n";
    streams.out << "next: " << target.agent->then << "\n";
    return EX_OK;
}

Result<std::string> endpointOf(const Arguments& arguments) {
    const std::string tools = arguments.get("tools"), mode = arguments.get("mode");
    if (!tools.empty() && tools != "all")
        return Error{"", "--tools takes 'all', not '" + tools + "'", "leave it out for the common tools and discover_tools", ""};
    if (!mode.empty() && !mcp::isMode(mode))
        return Error{"", "no mode '" + mode + "' is known", "one of read_only, scoped_write, maintenance, admin", ""};
    std::string endpoint = "/mcp";
    if (!tools.empty()) endpoint += "?tools=all";
    if (!mode.empty()) endpoint += (tools.empty() ? "?mode=" : "&mode=") + mode;
    return endpoint;
}

int install(const Arguments& arguments, Streams streams) {
    auto target = targetOf(arguments);
    if (!target) return tell(target.error(), EX_USAGE, streams);
    if (auto endpoint = endpointOf(arguments); !endpoint) return tell(endpoint.error(), EX_USAGE, streams);
    const Launch launch = launchOf(arguments);
    if (arguments.has("print")) {
        streams.out << snippet(*target->agent, launch);
        return EX_OK;
    }
    return change(arguments, streams, *target, "engram is in", [&](const std::string& text) { return withEngram(*target->agent, text, launch); });
}

int uninstall(const Arguments& arguments, Streams streams) {
    auto target = targetOf(arguments);
    if (!target) return tell(target.error(), EX_USAGE, streams);
    return change(arguments, streams, *target, "engram is not in", [&](const std::string& text) { return withoutEngram(*target->agent, text); });
}

int bridge(const Connect& connect, const Arguments& arguments, Streams streams) {
    std::signal(SIGPIPE, SIG_IGN);
    auto endpoint = endpointOf(arguments);
    if (!endpoint) return tell(endpoint.error(), EX_USAGE, streams);
    auto transport = connect(arguments);
    if (!transport) return tell(transport.error(), EX_UNAVAILABLE, streams);
    return McpBridge(std::move(*transport), streams, {}, *endpoint).run();
}

// For the reference and for tests: JSON with the tools as an agent sees them and the operations that have none.
int listTools(const Arguments& arguments, Streams streams) {
    if (!arguments.has("json")) {
        for (const mcp::Tool& tool : mcp::tools())
            streams.out << tool.name << std::string(tool.name.size() < 22 ? 22 - tool.name.size() : 1, ' ') << tool.title << "\n";
        return EX_OK;
    }
    json::Document document(rapidjson::kObjectType);
    auto& a = document.GetAllocator();
    json::Value tools(rapidjson::kArrayType), withheld(rapidjson::kArrayType);
    for (const mcp::Tool& tool : mcp::tools()) {
        auto definition = json::parse(mcp::definitionOf(tool));
        json::Value entry(*definition, a);
        entry.AddMember("operation", json::copy(tool.operation, a), a);
        entry.AddMember("listed", tool.listed == mcp::Listed::Always, a);
        tools.PushBack(entry, a);
    }
    for (const mcp::Withheld& each : mcp::withheld()) {
        json::Value entry(rapidjson::kObjectType);
        entry.AddMember("operation", json::copy(each.operation, a), a);
        entry.AddMember("reason", json::copy(each.reason, a), a);
        withheld.PushBack(entry, a);
    }
    document.AddMember("tools", tools, a);
    document.AddMember("withheld", withheld, a);
    streams.out << json::write(document) << "\n";
    return EX_OK;
}

}  // namespace

void addMcpCommands(std::vector<Command>& commands, const Connect& connect) {
    std::vector<Option> connection(std::begin(kConnectionOptions), std::end(kConnectionOptions));
    const auto with = [&](std::vector<Option> own) {
        for (const Option& option : connection)
            if (option.name != "no-start") own.push_back(option);
        return own;
    };
    std::vector<Option> served = connection;
    served.push_back(kTools);
    served.push_back(kMode);
    // Before the command of one word, which would take "install" for its argument.
    commands.push_back({"mcp", "install", "AGENT", "add Engram to an agent: claude, claude-desktop, cursor, vscode, codex, windsurf",
                        1, 1, with({kDryRun, {"print", Takes::Nothing, "", "print what belongs into the file, touch nothing"}, kFile, kTools, kMode}),
                        &install});
    commands.push_back({"mcp", "uninstall", "AGENT", "remove Engram from an agent", 1, 1, {kDryRun, kFile}, &uninstall});
    commands.push_back({"mcp", "tools", "", "the tools that agents are offered", 0, 0, {}, &listTools});
    commands.push_back({"mcp", "", "", "serve MCP on standard input and output, as agents launch it", 0, 0, served,
                        [connect](const Arguments& a, Streams s) { return bridge(connect, a, s); }});
}

}  // namespace engram::cli
