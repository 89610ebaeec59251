// An agent's configuration file on disk: read whole, replaced as a whole, the old one kept beside it. One thread.
#pragma once

#include <engram/cpp/result.hpp>

#include <optional>
#include <string>

namespace engram::cli {

// The file's text; nothing if there is none. Error: it cannot be read, or is over 16 MiB.
Result<std::optional<std::string>> readAgentFile(const std::string& path);

// Writes the text (folders are made; mode and, for a link, the file behind it are kept) so that the file has the old text
// or the new one at any time. What was there is copied first; the result is the copy's path, empty if nothing was there.
Result<std::string> replaceAgentFile(const std::string& path, const std::string& text, const std::optional<std::string>& old);

// A unified view of what changes: lines with "-" and "+" before them, with some lines around.
std::string changeOf(const std::string& old_text, const std::string& new_text);

}  // namespace engram::cli
