// The commands that are clients of a server, a file a group. One thread.
#pragma once

#include "cli/client.hpp"
#include "cli/command.hpp"

#include <vector>

namespace engram::cli {

inline constexpr Option kConnectionOptions[] = {
    {"config", Option::Takes::Value, "FILE", "configuration of the local server"},
    {"data", Option::Takes::Value, "DIR", "data directory of the local server"},
    {"url", Option::Takes::Value, "URL", "a server elsewhere, http://HOST:PORT (or ENGRAM_URL)"},
    {"key-file", Option::Takes::Value, "FILE", "file with the key for --url (or ENGRAM_KEY_FILE, ENGRAM_KEY)"},
};

void addMemoryCommands(std::vector<Command>& commands, const Connect& connect);
void addAccountCommands(std::vector<Command>& commands, const Connect& connect);

// The usual way to a server: --url or ENGRAM_URL with a key, else the socket of the data directory.
Result<std::unique_ptr<Transport>> connectFromArguments(const Arguments& arguments);

}  // namespace engram::cli
