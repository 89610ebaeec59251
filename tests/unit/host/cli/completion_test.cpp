#include "cli/completion.hpp"

#include "support/test.hpp"

#include <sstream>

using namespace engram::cli;

namespace {

const std::vector<Command>& table() {
    static const std::vector<Command> commands = {
        {"thing", "add", "TEXT", "add a thing; it's kept", 1, 1, {{"file", Option::Takes::Value, "FILE", "from [a] file: this"}}, {}},
        {"thing", "list", "", "say what there is", 0, 0, {}, {}},
        {"look", "", "", ".look around - now", 0, 0, {{"far", Option::Takes::Nothing, "", "as far as can be"}}, {}},
    };
    return commands;
}

std::string completion(std::string_view shell) {
    std::ostringstream out;
    CHECK(writeCompletion(table(), shell, out));
    return out.str();
}

}  // namespace

TEST("completions name every group, verb and option, and quote what a shell would trip over") {
    for (const char* shell : {"bash", "zsh", "fish"}) {
        const std::string script = completion(shell);
        for (const char* word : {"thing", "look", "add", "list", "file", "far", "json", "help"})
            CHECK_MESSAGE(word, script.find(word) != std::string::npos);
    }
    CHECK(completion("zsh").find("it'\\''s kept") != std::string::npos);
    CHECK(completion("zsh").find("from \\[a\\] file\\: this") != std::string::npos);
    CHECK(completion("fish").find("it'\\''s kept") != std::string::npos);
}

TEST("there are no completions for another shell") {
    std::ostringstream out;
    CHECK(!writeCompletion(table(), "tcsh", out));
    CHECK_TEXT("", out.str());
}

TEST("the manual protects hyphens and leading dots") {
    std::ostringstream out;
    writeManual(table(), out);
    CHECK(out.str().find(".SS engram thing add TEXT\n") != std::string::npos);
    CHECK(out.str().find("\n\\&.look around \\- now\n") != std::string::npos);
    CHECK(out.str().find("\\fB\\-\\-file\\fR \\fIFILE\\fR\n") != std::string::npos);
}
