#include "config/process_sources.hpp"

#include <filesystem>
#include <string_view>

extern char** environ;

namespace engram::config {

Sources sourcesOf(const std::string& file, const std::vector<std::pair<std::string, std::string>>& sets) {
    config::Sources sources;
    sources.file = file;
    sources.sets = sets;
    for (char** entry = environ; *entry; ++entry) {
        const std::string_view text = *entry;
        const size_t equals = text.find('=');
        if (equals != std::string_view::npos)
            sources.environment.emplace_back(text.substr(0, equals), text.substr(equals + 1));
    }
    std::error_code failed;
    sources.exe_folder = std::filesystem::read_symlink("/proc/self/exe", failed).parent_path().string();
    return sources;
}

}  // namespace engram::config
