// The commands that are clients of a server, a file a group. One thread.
#pragma once

#include "cli/client.hpp"
#include "cli/command.hpp"

#include <vector>

namespace engram::cli {

inline constexpr Option kConnectionOptions[] = {
    {"config", Option::Takes::Value, "FILE", "configuration of the local server"},
    {"data", Option::Takes::Value, "DIR", "data directory of the local server"},
    {"url", Option::Takes::Value, "URL", "a server elsewhere, https://HOST:PORT (or ENGRAM_URL)"},
    {"no-start", Option::Takes::Nothing, "", "fail where no server answers instead of starting one"},
    {"key-file", Option::Takes::Value, "FILE", "file with the key for --url (or ENGRAM_KEY_FILE, ENGRAM_KEY)"},
    {"ca-file", Option::Takes::Value, "FILE", "authority that signed the certificate of --url (or ENGRAM_CA_FILE)"},
};

void addMemoryCommands(std::vector<Command>& commands, const Connect& connect);
void addAccountCommands(std::vector<Command>& commands, const Connect& connect);
void addMemberCommands(std::vector<Command>& commands, const Connect& connect);
void addTenantCommands(std::vector<Command>& commands, const Connect& connect);
void addEmbeddingCommands(std::vector<Command>& commands, const Connect& connect);
void addServerCommands(std::vector<Command>& commands);
void addMcpCommands(std::vector<Command>& commands, const Connect& connect);

// The data directory of --data or of the configuration.
Result<std::string> dataOf(const Arguments& arguments);

// The usual way to a server: --url or ENGRAM_URL with a key (none if the option "without-key" is set), else the socket of
// the data directory, where a server is started on demand unless --no-start says otherwise.
Result<std::unique_ptr<Transport>> connectFromArguments(const Arguments& arguments);

}  // namespace engram::cli
