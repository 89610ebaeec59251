// A plugin's file: found in the plugin folders, checked without running its code, then loaded and never
// unloaded.
//
// [ctl] One thread at start-up. All errors have code "plugin"; the message is the reason, the hint the fix.
#pragma once

#include <engram/plugin.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "loader/manifest.hpp"

namespace engram::loader {

// A file that has passed every check that needs none of its code to run.
struct ModuleFile {
    std::filesystem::path path;
    Manifest manifest;
};

struct ModuleRequest {
    std::string use;     // file name without ".so"; no path
    std::string sha256;  // of the whole file in hex; empty = not pinned
};

// Looks `use`.so up in the folders, in order. Refuses links, files that are not root's or ours or that others
// can write, folders that everybody can write (unless sticky), files that break their pin, and what
// readManifest(), parseManifest() and checkDrafts() refuse.
Result<ModuleFile> inspect(const ModuleRequest& request, const std::vector<std::filesystem::path>& folders);

// Maps the file (Boost.DLL, everything resolved now, symbols private) and asks it for its table. It stays
// mapped until the process ends, because no plugin can promise that nothing of it is still in use.
Result<const engram_plugin*> loadModule(const ModuleFile& file);

}  // namespace engram::loader
