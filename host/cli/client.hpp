// What client commands share: sending a call, telling of a problem, exit codes, the query string. One thread.
#pragma once

#include "cli/command.hpp"
#include "cli/transport.hpp"
#include "json/json.hpp"

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace engram::cli {

using Connect = std::function<Result<std::unique_ptr<Transport>>(const Arguments&)>;

// The sysexits code of an HTTP status: 0, 65, 69, 70, 75, 77 …
int exitCodeOf(int status);

// Prints "error: …" and "hint: …".
int tell(const Error& error, int code, Streams streams);

std::string percentEncode(std::string_view text);
std::string query(const std::vector<std::pair<std::string, std::string>>& parameters);  // "?a=b", or empty

// Sends a call and, unless it failed, hands the parsed answer to `show`; with --json prints it as it came.
int request(const Connect& connect, const Arguments& arguments, const Call& call, Streams streams,
            const std::function<void(const json::Value&, std::ostream&)>& show);

std::string text(const json::Value& object, const char* name);  // a member as text, empty if absent or null
// One line, at most `width` columns, for tables.
std::string shorten(std::string_view text, size_t width);

}  // namespace engram::cli
