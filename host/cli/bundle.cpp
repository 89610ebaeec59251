#include "cli/bundle.hpp"

#include "cli/transport.hpp"
#include "loader/plugin_set.hpp"
#include "observe/redact.hpp"

#include <Poco/Environment.h>

#include <algorithm>
#include <fstream>
#include <sstream>

namespace engram::cli {
namespace {

constexpr std::streamoff kLogBytes = 256 << 10;

constexpr const char* kReadme =
    "A support bundle of engram, made by `engram doctor --bundle`.\n\n"
    "versions.txt   the program, its plugins, the system\n"
    "config.toml    the configuration with where each value comes from; secrets left out\n"
    "findings.json  what engram doctor found\n"
    "metrics.txt    /metrics of the running server\n"
    "log.txt        the end of the log\n\n"
    "Keys, tokens and passwords are replaced by [redacted]; memories are not in it. Paths, host names, and ids of tenants and\n"
    "requests are: look through it before you send it.\n";

std::string lineWith(const std::string& path, const std::string& start) {
    std::ifstream file(path);
    std::string line;
    while (std::getline(file, line))
        if (line.starts_with(start)) return line.substr(start.size());
    return "unknown";
}

std::string versions(const BundleSources& sources) {
    std::ostringstream out;
    out << "engram " << ENGRAM_VERSION << "\nserver " << (sources.report.version.empty() ? "none" : sources.report.version)
        << "\nsystem " << lineWith("/etc/os-release", "PRETTY_NAME=") << "\nkernel " << Poco::Environment::osName() << " "
        << Poco::Environment::osVersion() << " " << Poco::Environment::osArchitecture() << "\nprocessors "
        << Poco::Environment::processorCount() << "\n";
    if (!sources.settings) return out.str();
    const config::Settings& settings = *sources.settings;
    auto found = loader::inspectAll(settings.plugins, {settings.plugin_dirs.begin(), settings.plugin_dirs.end()});
    if (const auto* plugins = std::get_if<std::vector<loader::Found>>(&found))
        for (const loader::Found& plugin : *plugins)
            out << "plugin " << plugin.entry.name << " " << plugin.file.manifest.id << " " << plugin.file.manifest.version << " "
                << plugin.file.path.string() << "\n";
    return out.str();
}

std::string metrics(const std::string& admin_url) {
    if (admin_url.empty()) return "not known where: server.admin_listen has port 0; say it with --admin-url\n";
    auto answer = overTcp(admin_url, "none")->send({"GET", "/metrics", "", {}});
    if (!answer) return answer.error().message + "\n";
    return answer->status == 200 ? answer->body : "status " + std::to_string(answer->status) + "\n";
}

std::string endOfLog(const std::optional<config::Settings>& settings) {
    if (!settings) return "the configuration is not valid\n";
    if (settings->log_file.empty()) return "the log goes to standard error; under systemd: journalctl -u engram\n";
    std::ifstream file(settings->log_file, std::ios::binary | std::ios::ate);
    if (!file) return settings->log_file + " cannot be read\n";
    const std::streamoff size = file.tellg();
    file.seekg(std::max<std::streamoff>(0, size - kLogBytes));
    std::ostringstream text;
    text << file.rdbuf();
    std::string out = text.str();
    if (size > kLogBytes) out.erase(0, out.find('\n') + 1);  // half a line could hide half a key from redaction
    return out;
}

}  // namespace

std::vector<ArchiveMember> bundleMembers(const BundleSources& sources) {
    std::vector<ArchiveMember> members = {
        {"README.txt", kReadme},
        {"versions.txt", versions(sources)},
        {"config.toml", sources.settings ? config::show(*sources.settings) : "the configuration is not valid\n"},
        {"findings.json", health::write(sources.report) + "\n"},
        {"metrics.txt", metrics(sources.admin_url)},
        {"log.txt", endOfLog(sources.settings)},
    };
    for (auto& [name, content] : members) {
        name = "engram-bundle/" + name;
        content = observe::redacted(content);
    }
    return members;
}

}  // namespace engram::cli
