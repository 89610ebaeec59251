#include "cli/completion.hpp"

#include "cli/client.hpp"

#include <map>
#include <set>
#include <string>

#include <sysexits.h>

namespace engram::cli {
namespace {

// Words that may follow `engram` (empty) or `engram GROUP`.
std::map<std::string, std::vector<const Command*>> byGroup(std::span<const Command> commands) {
    std::map<std::string, std::vector<const Command*>> groups;
    for (const Command& command : commands) groups[std::string(command.group)].push_back(&command);
    return groups;
}

std::vector<Option> optionsOf(const Command& command) {
    std::vector<Option> all = command.options;
    for (const Option& option : commonOptions()) all.push_back(option);
    return all;
}

std::string nameOf(const Command& command) {
    return std::string(command.group) + (command.verb.empty() ? "" : " " + std::string(command.verb));
}

// Inside single quotes of a shell.
std::string quoted(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '\'') out += "'\\''";
        else out += c;
    }
    return out;
}

void writeBash(std::span<const Command> commands, std::ostream& out) {
    out << "# bash completion for engram; written by `engram completion bash`\n"
           "_engram() {\n"
           "    local current=${COMP_WORDS[COMP_CWORD]} words\n"
           "    case \"${COMP_WORDS[COMP_CWORD-1]}\" in\n"
           "        --config|--data|--key-file|--bundle) COMPREPLY=($(compgen -f -- \"$current\")); return ;;\n"
           "    esac\n"
           "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
           "        words='help --version";
    const auto groups = byGroup(commands);
    for (const auto& [group, members] : groups) out << " " << group;
    out << "'\n    else\n        case \"${COMP_WORDS[1]} ${COMP_WORDS[2]}\" in\n";
    for (const Command& command : commands) {
        out << "            '" << nameOf(command) << (command.verb.empty() ? " '*" : "'") << ") words='";
        for (const Option& option : optionsOf(command)) out << " --" << option.name;
        out << "' ;;\n";
    }
    out << "        esac\n        if [ \"$COMP_CWORD\" -eq 2 ]; then\n            case \"${COMP_WORDS[1]}\" in\n";
    for (const auto& [group, members] : groups) {
        if (members.front()->verb.empty()) continue;
        out << "                " << group << ") words='";
        for (const Command* command : members) out << " " << command->verb;
        out << "' ;;\n";
    }
    out << "            esac\n        fi\n    fi\n"
           "    COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
           "    [ ${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- \"$current\"))\n"
           "}\n"
           "complete -F _engram engram\n";
}

void writeZsh(std::span<const Command> commands, std::ostream& out) {
    out << "#compdef engram\n# zsh completion for engram; written by `engram completion zsh`\n_engram() {\n"
           "    local -a choices\n    if (( CURRENT == 2 )); then\n        choices=('help:say what there is'";
    const auto groups = byGroup(commands);
    for (const auto& [group, members] : groups)
        out << " '" << group << ":" << quoted(members.size() == 1 ? members.front()->about : std::string_view("several commands"))
            << "'";
    out << ")\n        _describe command choices\n        return\n    fi\n    case \"$words[2] $words[3]\" in\n";
    for (const Command& command : commands) {
        out << "        '" << nameOf(command) << (command.verb.empty() ? " '*" : "'") << ")\n            _arguments -s";
        for (const Option& option : optionsOf(command)) {
            out << " '--" << option.name << (option.takes == Option::Takes::Value ? "=" : "") << "[";
            for (const char c : quoted(option.about)) out << (c == '[' || c == ']' || c == ':' ? std::string("\\") + c : std::string(1, c));
            out << "]" << (option.takes == Option::Takes::Value ? ":" + quoted(option.value) + ":_files" : "") << "'";
        }
        out << " '*:file:_files'\n            return ;;\n";
    }
    out << "    esac\n    (( CURRENT == 3 )) || return\n    case \"$words[2]\" in\n";
    for (const auto& [group, members] : groups) {
        if (members.front()->verb.empty()) continue;
        out << "        " << group << ") choices=(";
        for (const Command* command : members) out << " '" << command->verb << ":" << quoted(command->about) << "'";
        out << " ) ;;\n";
    }
    out << "    esac\n    _describe command choices\n}\ncompdef _engram engram\n";
}

void writeFish(std::span<const Command> commands, std::ostream& out) {
    out << "# fish completion for engram; written by `engram completion fish`\n";
    std::set<std::string> seen;
    for (const Command& command : commands) {
        const std::string group(command.group), verb(command.verb);
        if (seen.insert(group).second)
            out << "complete -c engram -f -n __fish_use_subcommand -a " << group << " -d '"
                << quoted(verb.empty() ? command.about : std::string_view("several commands")) << "'\n";
        const std::string in_group = "__fish_seen_subcommand_from " + group;
        std::string condition = in_group;
        if (!verb.empty()) {
            out << "complete -c engram -f -n '" << in_group << "; and test (count (commandline -opc)) -eq 2' -a " << verb
                << " -d '" << quoted(command.about) << "'\n";
            condition += "; and __fish_seen_subcommand_from " + verb;
        }
        for (const Option& option : optionsOf(command))
            out << "complete -c engram -n '" << condition << "' -l " << option.name
                << (option.takes == Option::Takes::Value ? " -r" : "") << " -d '" << quoted(option.about) << "'\n";
    }
}

// Text that man(7) prints as it is.
std::string roff(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '\\' || c == '-') out += '\\';
        out += c == '\\' ? std::string("e") : std::string(1, c);
    }
    return !out.empty() && (out[0] == '.' || out[0] == '\'') ? "\\&" + out : out;
}

}  // namespace

bool writeCompletion(std::span<const Command> commands, std::string_view shell, std::ostream& out) {
    if (shell == "bash") writeBash(commands, out);
    else if (shell == "zsh") writeZsh(commands, out);
    else if (shell == "fish") writeFish(commands, out);
    else return false;
    return true;
}

void writeManual(std::span<const Command> commands, std::ostream& out) {
    out << ".TH ENGRAM 1 \"\" \"engram " << ENGRAM_VERSION << "\" \"User Commands\"\n"
        << ".SH NAME\nengram \\- persistent memory for AI agents\n"
        << ".SH SYNOPSIS\n.B engram\n.I COMMAND\n[\\fIOPTION\\fR]...\n"
        << ".SH DESCRIPTION\nThe server and its command line. Commands talk to the server of this machine over a Unix socket,\n"
           "or with \\fB\\-\\-url\\fR and a key to one elsewhere.\n.SH COMMANDS\n";
    for (const Command& command : commands) {
        out << ".SS " << roff(synopsis(command)) << "\n" << roff(command.about) << "\n";
        for (const Option& option : optionsOf(command)) {
            out << ".TP\n\\fB\\-\\-" << roff(option.name) << "\\fR";
            if (option.takes == Option::Takes::Value) out << " \\fI" << roff(option.value) << "\\fR";
            out << "\n" << roff(option.about) << "\n";
        }
    }
    out << ".SH EXIT STATUS\nThose of sysexits: 0 done; 1 engram doctor found an error; 64 the command line is wrong; 65 the server\n"
           "refused what was asked; 66 an input cannot be read; 69 no server answers; 70 a fault in the program; 73 a file\n"
           "cannot be made; 75 try again later; 77 not allowed; 78 the configuration or a plugin is wrong.\n"
        << ".SH FILES\n.TP\n/etc/engram/engram.toml\nthe configuration of the system's server\n"
        << ".TP\n~/.local/share/engram\nthe data of a user's own server\n"
        << ".SH ENVIRONMENT\n.TP\nENGRAM_CONFIG\nthe configuration, unless \\-\\-config names one\n"
        << ".TP\nENGRAM_URL, ENGRAM_KEY_FILE, ENGRAM_KEY\na server elsewhere and its key\n";
}

void addCompletion(std::vector<Command>& commands) {
    // The rows that a script is written from: a copy, with the two below, which need no action there.
    std::vector<Command> table = commands;
    Command completion{"completion", "", "SHELL", "print completions for bash, zsh or fish", 1, 1, {}, {}};
    Command manual{"manual", "", "", "print the manual page, for man -l -", 0, 0, {}, {}};
    table.push_back(completion);
    table.push_back(manual);
    completion.run = [table](const Arguments& arguments, Streams streams) {
        if (writeCompletion(table, arguments.words[0], streams.out)) return EX_OK;
        return tell({"", "no completions for '" + arguments.words[0] + "'", "bash, zsh or fish", ""}, EX_USAGE, streams);
    };
    manual.run = [table](const Arguments&, Streams streams) {
        writeManual(table, streams.out);
        return EX_OK;
    };
    commands.push_back(std::move(completion));
    commands.push_back(std::move(manual));
}

}  // namespace engram::cli
