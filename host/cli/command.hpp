// A command of the command line: its words, options, and what it does. Values.
#pragma once

#include "config/did_you_mean.hpp"

#include <functional>
#include <istream>
#include <map>
#include <optional>
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace engram::cli {

struct Option {
    enum class Takes { Nothing, Value };
    std::string_view name;  // without dashes
    Takes takes;
    std::string_view value;  // how its value is called in help
    std::string_view about;
};

// The command line taken apart.
struct Arguments {
    std::vector<std::string> words;  // positional
    std::vector<std::pair<std::string, std::string>> options;

    bool has(std::string_view name) const {
        for (const auto& [key, value] : options)
            if (key == name) return true;
        return false;
    }
    std::string get(std::string_view name, std::string_view fallback = {}) const {
        for (auto it = options.rbegin(); it != options.rend(); ++it)
            if (it->first == name) return it->second;
        return std::string(fallback);
    }
    std::vector<std::string> all(std::string_view name) const {
        std::vector<std::string> values;
        for (const auto& [key, value] : options)
            if (key == name) values.push_back(value);
        return values;
    }
};

struct Streams {
    std::ostream& out;  // what was asked for
    std::ostream& err;  // everything else
    std::istream& in;
};

struct Command {
    std::string_view group, verb;  // "memory", "add"; verb empty for a command of one word
    std::string_view words;        // "TEXT"
    std::string_view about;
    size_t least, most;  // positional words
    std::vector<Option> options;
    std::function<int(const Arguments&, Streams)> run;  // a sysexits code
};

// The options every command takes: --json, --help.
std::span<const Option> commonOptions();

// "engram memory add TEXT"
std::string synopsis(const Command& command);

// Runs the command that `args` (without the program's name) asks for. 64 with a did-you-mean for a wrong line.
int dispatch(std::span<const Command> commands, const std::vector<std::string>& args, Streams streams);

void printHelp(std::span<const Command> commands, const std::vector<std::string>& about, std::ostream& out);

}  // namespace engram::cli
