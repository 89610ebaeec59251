#include "config/interpolate.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>

namespace engram::config {
namespace {

constexpr size_t kMaxFile = 64 * 1024;

Error unresolved(std::string_view reference, std::string why, std::string hint) {
    return {"config", "${" + std::string(reference) + "} cannot be resolved: " + std::move(why),
            std::move(hint), ""};
}

Result<std::string> readFile(std::string_view reference, const std::string& path) {
    std::error_code failed;
    if (!path.starts_with('/'))
        return unresolved(reference, "the path is relative", "write an absolute path");
    const bool regular = std::filesystem::is_regular_file(path, failed);
    std::ifstream file;
    if (regular) file.open(path, std::ios::binary);
    if (!file.is_open()) return unresolved(reference, "the file cannot be read", "check its path and mode");
    std::string text;
    char buffer[4096];
    while (file.read(buffer, sizeof buffer) || file.gcount() > 0) {
        text.append(buffer, static_cast<size_t>(file.gcount()));
        if (text.size() > kMaxFile)
            return unresolved(reference, "the file is over 64 KiB", "name a smaller file");
    }
    while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
    return text;
}

Result<std::string> xdgFolder(std::string_view reference, std::string_view which,
                              const Surroundings& surroundings) {
    struct Place {
        std::string_view name;
        const char* variable;
        const char* below_home;
    };
    constexpr Place kPlaces[] = {{"data", "XDG_DATA_HOME", "/.local/share"},
                                 {"config", "XDG_CONFIG_HOME", "/.config"},
                                 {"state", "XDG_STATE_HOME", "/.local/state"},
                                 {"runtime", "XDG_RUNTIME_DIR", nullptr}};
    for (const Place& place : kPlaces) {
        if (place.name != which) continue;
        if (auto set = surroundings.environment(place.variable); set && set->starts_with('/')) return *set;
        auto home = surroundings.environment("HOME");
        if (!place.below_home || !home || !home->starts_with('/'))
            return unresolved(reference, std::string(place.variable) + " is not set",
                              "set it, or give a path");
        return *home + place.below_home;
    }
    return unresolved(reference, "unknown folder", "use xdg:data, xdg:config, xdg:state or xdg:runtime");
}

Result<Interpolated> resolve(std::string_view reference, const Surroundings& surroundings) {
    using Origin = Interpolated::Origin;
    if (reference == "exe") return Interpolated{surroundings.exe_folder, Origin::Plain};
    const size_t colon = reference.find(':');
    const std::string_view scheme = reference.substr(0, colon);
    const std::string rest(colon == std::string_view::npos ? std::string_view()
                                                           : reference.substr(colon + 1));
    if (scheme == "env") {
        auto value = surroundings.environment(rest);
        if (!value) return unresolved(reference, "the variable is not set", "export " + rest + "=…");
        return Interpolated{*value, Origin::Secret};
    }
    if (scheme == "file") {
        auto text = readFile(reference, rest);
        if (!text) return text.error();
        return Interpolated{*text, Origin::Secret};
    }
    if (scheme == "xdg") {
        auto folder = xdgFolder(reference, rest, surroundings);
        if (!folder) return folder.error();
        return Interpolated{*folder, Origin::Plain};
    }
    return unresolved(reference, "unknown scheme", "use env:, file:, xdg: or exe");
}

}  // namespace

Result<Interpolated> interpolate(std::string_view text, const Surroundings& surroundings) {
    Interpolated out;
    while (true) {
        const size_t open = text.find("${");
        out.text.append(text.substr(0, open));
        if (open == std::string_view::npos) return out;
        const size_t close = text.find('}', open);
        if (close == std::string_view::npos)
            return Error{"config", "'${' without '}'", "close the reference", ""};
        auto value = resolve(text.substr(open + 2, close - open - 2), surroundings);
        if (!value) return value.error();
        out.text += value->text;
        if (value->origin == Interpolated::Origin::Secret) out.origin = Interpolated::Origin::Secret;
        text.remove_prefix(close + 1);
    }
}

}  // namespace engram::config
