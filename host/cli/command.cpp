#include "cli/command.hpp"

#include <algorithm>

#include <sysexits.h>

namespace engram::cli {
namespace {

constexpr Option kCommon[] = {
    {"json", Option::Takes::Nothing, "", "print the server's JSON"},
    {"help", Option::Takes::Nothing, "", "say what the command takes"},
};

std::string suggestion(std::string_view word, const std::vector<std::string_view>& among) {
    auto close = config::closest(word, among);
    return close ? "did you mean '" + std::string(*close) + "'?" : "see engram help";
}

int usage(Streams streams, const std::string& message, const std::string& hint) {
    streams.err << "error: " << message << "\n";
    if (!hint.empty()) streams.err << "hint: " << hint << "\n";
    return EX_USAGE;
}

const Option* findOption(const Command& command, std::string_view name) {
    for (const Option& option : command.options)
        if (option.name == name) return &option;
    for (const Option& option : kCommon)
        if (option.name == name) return &option;
    return nullptr;
}

void printCommand(const Command& command, std::ostream& out) {
    out << synopsis(command) << "\n  " << command.about << "\n";
    auto line = [&](const Option& option) {
        std::string text = "--" + std::string(option.name);
        if (option.takes == Option::Takes::Value) text += " " + std::string(option.value);
        out << "  " << text << std::string(text.size() < 28 ? 28 - text.size() : 1, ' ') << option.about << "\n";
    };
    for (const Option& option : command.options) line(option);
    for (const Option& option : kCommon) line(option);
}

// Options and words of a command from the rest of the line.
int parse(const Command& command, std::span<const std::string> rest, Arguments& out, Streams streams) {
    bool only_words = false;
    for (size_t i = 0; i < rest.size(); ++i) {
        const std::string& arg = rest[i];
        if (only_words || !arg.starts_with("--")) {
            out.words.push_back(arg);
            continue;
        }
        if (arg == "--") {
            only_words = true;
            continue;
        }
        const size_t equals = arg.find('=');
        const std::string name = arg.substr(2, equals == std::string::npos ? std::string::npos : equals - 2);
        const Option* option = findOption(command, name);
        if (!option) {
            std::vector<std::string_view> known;
            for (const Option& o : command.options) known.push_back(o.name);
            for (const Option& o : kCommon) known.push_back(o.name);
            auto close = config::closest(name, known);
            return usage(streams, "unknown option --" + name,
                         close ? "did you mean '--" + std::string(*close) + "'?" : "see " + synopsis(command) + " --help");
        }
        if (option->takes == Option::Takes::Nothing) {
            if (equals != std::string::npos) return usage(streams, "--" + name + " takes no value", "");
            out.options.emplace_back(name, "");
        } else if (equals != std::string::npos) {
            out.options.emplace_back(name, arg.substr(equals + 1));
        } else if (i + 1 < rest.size()) {
            out.options.emplace_back(name, rest[++i]);
        } else {
            return usage(streams, "--" + name + " needs a value", std::string(option->about));
        }
    }
    return EX_OK;
}

const Command* findCommand(std::span<const Command> commands, const std::vector<std::string>& args, size_t& used) {
    for (const Command& command : commands) {
        if (args.empty() || command.group != args[0]) continue;
        if (command.verb.empty()) {
            used = 1;
            return &command;
        }
        if (args.size() > 1 && command.verb == args[1]) {
            used = 2;
            return &command;
        }
    }
    return nullptr;
}

// A group, or a group and one of its verbs.
bool isKnown(std::span<const Command> commands, const std::vector<std::string>& words) {
    return std::any_of(commands.begin(), commands.end(), [&](const Command& command) {
        return command.group == words[0] && (words.size() < 2 || command.verb.empty() || command.verb == words[1]);
    });
}

int unknown(std::span<const Command> commands, const std::vector<std::string>& args, Streams streams) {
    std::vector<std::string_view> groups, verbs;
    for (const Command& command : commands) {
        groups.push_back(command.group);
        if (command.group == args[0]) verbs.push_back(command.verb);
    }
    if (verbs.empty()) return usage(streams, "unknown command '" + args[0] + "'", suggestion(args[0], groups));
    if (args.size() > 1 && (args[1] == "--help" || args[1] == "-h")) {
        printHelp(commands, {args[0]}, streams.out);
        return EX_OK;
    }
    if (args.size() < 2 || args[1].starts_with("--")) {
        printHelp(commands, {args[0]}, streams.err);
        return EX_USAGE;
    }
    return usage(streams, "unknown command '" + args[0] + " " + args[1] + "'", suggestion(args[1], verbs));
}

}  // namespace

std::span<const Option> commonOptions() { return kCommon; }

std::string synopsis(const Command& command) {
    std::string text = "engram " + std::string(command.group);
    if (!command.verb.empty()) text += " " + std::string(command.verb);
    if (!command.words.empty()) text += " " + std::string(command.words);
    return text;
}

void printHelp(std::span<const Command> commands, const std::vector<std::string>& about, std::ostream& out) {
    if (about.empty()) out << "engram: persistent memory for AI agents\n\n";
    for (const Command& command : commands) {
        if (!about.empty() && command.group != about[0]) continue;
        if (about.size() > 1 && command.verb != about[1]) continue;
        if (about.size() > 1 || (!about.empty() && command.verb.empty())) {
            printCommand(command, out);
            continue;
        }
        const std::string text = synopsis(command);
        out << "  " << text << std::string(text.size() < 44 ? 44 - text.size() : 1, ' ') << command.about << "\n";
    }
    if (about.empty()) out << "\nengram COMMAND --help says what a command takes.\n";
}

int dispatch(std::span<const Command> commands, const std::vector<std::string>& args, Streams streams) {
    if (args.empty()) {
        printHelp(commands, {}, streams.err);
        return EX_USAGE;
    }
    if (args[0] == "help" || args[0] == "--help" || args[0] == "-h") {
        const std::vector<std::string> about(args.begin() + 1, args.end());
        if (!about.empty() && !isKnown(commands, about)) return unknown(commands, about, streams);
        printHelp(commands, about, streams.out);
        return EX_OK;
    }
    if (args[0] == "--version") return dispatch(commands, {"version"}, streams);
    size_t used = 0;
    const Command* command = findCommand(commands, args, used);
    if (!command) return unknown(commands, args, streams);
    Arguments arguments;
    if (const int failed = parse(*command, std::span(args).subspan(used), arguments, streams)) return failed;
    if (arguments.has("help")) {
        printCommand(*command, streams.out);
        return EX_OK;
    }
    if (arguments.words.size() < command->least)
        return usage(streams, synopsis(*command) + " needs " + std::string(command->words), "");
    if (arguments.words.size() > command->most)
        return usage(streams, "'" + arguments.words[command->most] + "' is one word too many", synopsis(*command));
    return command->run(arguments, streams);
}

}  // namespace engram::cli
