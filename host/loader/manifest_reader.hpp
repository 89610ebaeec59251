// Reads a plugin's manifest and draft hashes out of its ELF file without running any of its code.
//
// The bytes are hostile: no offset, size or count of the file is believed before it is checked. Pure; any
// thread.
#pragma once

#include <engram/cpp/result.hpp>
#include <string>
#include <string_view>

namespace engram::loader {

struct ManifestSections {
    std::string manifest;  // section engram_manifest: JSON
    std::string drafts;    // section engram_drafts: "engram.auth/1=<hash>;…", empty if there is none
};

inline constexpr size_t kMaxManifest = 64 * 1024;

// The two sections of a whole shared object. Refuses (code "plugin", the message is the reason) what is not a
// complete 64-bit shared object for this machine, exports anything but engram_plugin_v1, has GNU_UNIQUE
// symbols (they pin the library and merge with other plugins') or asks for an executable stack.
Result<ManifestSections> readManifest(std::string_view file);

}  // namespace engram::loader
