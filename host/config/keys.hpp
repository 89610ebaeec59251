// The table of configuration keys: what drives parsing, `engram config explain` and the reference page.
// Constants; any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace engram::config {

enum class Kind {
    Text,
    Integer,
    Bytes,    // an integer, or text with KiB, MiB or GiB
    TextList  // array of text
};

enum class Change {
    Restart,  // takes effect when the server starts
    Reload    // with SIGHUP or engram config reload
};

struct Key {
    std::string_view name;  // "server.listen"
    Kind kind;
    std::string_view fallback;  // as in the file; "" = empty
    int64_t least, most;        // of Integer and Bytes
    std::string_view about;
    Change change = Change::Restart;
};

std::span<const Key> keys();
const Key* findKey(std::string_view name);

// The environment variable that overrides a key: server.listen -> ENGRAM_SERVER_LISTEN.
std::string variableOf(std::string_view key);

}  // namespace engram::config
