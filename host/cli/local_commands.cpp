#include "cli/local_commands.hpp"

#include "cli/client.hpp"
#include "config/process_sources.hpp"
#include "config/settings.hpp"
#include "loader/plugin_set.hpp"
#include "rest/openapi.hpp"

#include <filesystem>

#include <sysexits.h>

namespace engram::cli {
namespace {

using Takes = Option::Takes;

const Option kConfig{"config", Takes::Value, "FILE", "the configuration"};
const Option kSet{"set", Takes::Value, "KEY=VALUE", "override a key; may be repeated"};

std::vector<std::pair<std::string, std::string>> setsOf(const Arguments& arguments) {
    std::vector<std::pair<std::string, std::string>> sets;
    for (const std::string& text : arguments.all("set")) {
        const size_t equals = text.find('=');
        sets.emplace_back(text.substr(0, equals), equals == std::string::npos ? "" : text.substr(equals + 1));
    }
    return sets;
}

int tellAll(const config::Problems& problems, Streams streams) {
    for (const config::Problem& problem : problems) streams.err << problem.text() << "\n";
    return EX_CONFIG;
}

std::variant<config::Settings, config::Problems> settings(const Arguments& arguments) {
    return config::load(config::sourcesOf(arguments.get("config"), setsOf(arguments)));
}

std::variant<std::vector<loader::Found>, config::Problems> pluginsOf(const config::Settings& settings) {
    return loader::inspectAll(settings.plugins, {settings.plugin_dirs.begin(), settings.plugin_dirs.end()});
}

int check(const Arguments& arguments, Streams streams) {
    auto loaded = settings(arguments);
    if (auto* problems = std::get_if<config::Problems>(&loaded)) return tellAll(*problems, streams);
    const auto& own = std::get<config::Settings>(loaded);
    auto found = pluginsOf(own);
    if (auto* problems = std::get_if<config::Problems>(&found)) return tellAll(*problems, streams);
    streams.out << own.file << ": good, " << own.plugins.size() << " plugins\n";
    return EX_OK;
}

int explain(const Arguments& arguments, Streams streams) {
    auto loaded = settings(arguments);
    if (auto* problems = std::get_if<config::Problems>(&loaded)) return tellAll(*problems, streams);
    const auto& own = std::get<config::Settings>(loaded);
    const std::string& key = arguments.words[0];
    auto text = arguments.has("json") ? config::explainJson(own, key) : config::explain(own, key);
    if (auto* problem = std::get_if<config::Problem>(&text)) {
        streams.err << problem->text() << "\n";
        return EX_USAGE;
    }
    streams.out << std::get<std::string>(text) << (arguments.has("json") ? "\n" : "");
    return EX_OK;
}

int show(const Arguments& arguments, Streams streams) {
    auto loaded = settings(arguments);
    if (auto* problems = std::get_if<config::Problems>(&loaded)) return tellAll(*problems, streams);
    const auto& own = std::get<config::Settings>(loaded);
    if (arguments.has("json")) streams.out << config::showJson(own) << "\n";
    else streams.out << config::show(own);
    return EX_OK;
}

void member(json::Writer& out, const char* name, const std::string& value) {
    out.Key(name);
    out.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
}

int listPlugins(const Arguments& arguments, Streams streams) {
    auto loaded = settings(arguments);
    if (auto* problems = std::get_if<config::Problems>(&loaded)) return tellAll(*problems, streams);
    auto found = pluginsOf(std::get<config::Settings>(loaded));
    if (auto* problems = std::get_if<config::Problems>(&found)) return tellAll(*problems, streams);
    json::Buffer buffer;
    json::Writer out(buffer);
    out.StartArray();
    for (const loader::Found& plugin : std::get<std::vector<loader::Found>>(found)) {
        const loader::Manifest& manifest = plugin.file.manifest;
        out.StartObject();
        member(out, "name", plugin.entry.name);
        member(out, "id", manifest.id);
        member(out, "version", manifest.version);
        member(out, "kind", manifest.kind);
        member(out, "status", manifest.status);
        out.EndObject();
        if (arguments.has("json")) continue;
        streams.out << plugin.entry.name << "  " << manifest.id << " " << manifest.version << "  " << manifest.kind << "  "
                    << manifest.status << "  " << manifest.description << "\n";
    }
    out.EndArray();
    if (arguments.has("json")) streams.out << buffer.GetString() << "\n";
    return EX_OK;
}

}  // namespace

void addLocalCommands(std::vector<Command>& commands) {
    commands.push_back({"config", "check", "", "check the configuration and its plugins", 0, 0, {kConfig, kSet}, &check});
    commands.push_back({"config", "explain", "KEY", "what a key means and where its value comes from", 1, 1, {kConfig, kSet},
                        &explain});
    commands.push_back({"config", "show", "", "every key with its value; secrets hidden", 0, 0, {kConfig, kSet}, &show});
    commands.push_back({"config", "reference", "", "every key there is, as Markdown", 0, 0, {},
                        [](const Arguments&, Streams streams) {
                            streams.out << config::reference();
                            return EX_OK;
                        }});
    commands.push_back({"plugin", "list", "", "the plugins of the configuration", 0, 0, {kConfig, kSet}, &listPlugins});
    commands.push_back({"openapi", "", "", "print the OpenAPI document", 0, 0, {}, [](const Arguments&, Streams streams) {
                            streams.out << rest::openapiDocument();
                            return EX_OK;
                        }});
    commands.push_back({"version", "", "", "print the version", 0, 0, {}, [](const Arguments& a, Streams streams) {
                            if (a.has("json")) streams.out << "{\"version\":\"" ENGRAM_VERSION "\"}\n";
                            else streams.out << "engram " ENGRAM_VERSION "\n";
                            return EX_OK;
                        }});
}

}  // namespace engram::cli
