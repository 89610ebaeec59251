#include "health/setup.hpp"

#include "health/files.hpp"
#include "loader/plugin_set.hpp"

namespace engram::health {
namespace {

void add(std::string_view code, const config::Problems& problems, Findings& out) {
    for (const config::Problem& problem : problems)
        out.push_back(finding(code, problem.where + ": " + problem.message, problem.hint));
}

}  // namespace

std::optional<config::Settings> checkSetup(const config::Sources& sources, Findings& out) {
    auto loaded = config::load(sources);
    if (auto* problems = std::get_if<config::Problems>(&loaded)) {
        add("config_invalid", *problems, out);
        return std::nullopt;
    }
    auto& settings = std::get<config::Settings>(loaded);
    checkConfigFile(settings.file, out);
    auto found = loader::inspectAll(settings.plugins, {settings.plugin_dirs.begin(), settings.plugin_dirs.end()});
    if (auto* problems = std::get_if<config::Problems>(&found)) add("plugin_refused", *problems, out);
    return std::move(settings);
}

}  // namespace engram::health
