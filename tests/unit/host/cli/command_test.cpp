#include "cli/command.hpp"

#include "support/test.hpp"

#include <sstream>

#include <sysexits.h>

using namespace engram::cli;

namespace {

struct Run {
    int code;
    std::string out, err;
    Arguments given;  // what the command got; no words and options if none ran
    bool ran = false;
};

Run run(const std::vector<std::string>& line) {
    Run result{};
    auto note = [&](const Arguments& arguments, Streams streams) {
        result.given = arguments;
        result.ran = true;
        streams.out << "done\n";
        return EX_TEMPFAIL;
    };
    const std::vector<Command> commands = {
        {"memory", "add", "TEXT", "stores a memory", 1, 1,
         {{"tag", Option::Takes::Value, "TAG", "a tag"}, {"quiet", Option::Takes::Nothing, "", "says nothing"}}, note},
        {"memory", "list", "", "lists memories", 0, 0, {{"limit", Option::Takes::Value, "N", "how many"}}, note},
        {"version", "", "", "prints the version", 0, 0, {}, note},
    };
    std::ostringstream out, err;
    std::istringstream in;
    result.code = dispatch(commands, line, {out, err, in});
    result.out = out.str();
    result.err = err.str();
    return result;
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

void refused(const std::vector<std::string>& line, const char* error, const char* hint = "") {
    const Run result = run(line);
    CHECK(!result.ran);
    CHECK_EQ(EX_USAGE, result.code);
    CHECK_TEXT("", result.out);
    CHECK_MESSAGE(result.err, has(result.err, error));
    CHECK_MESSAGE(result.err, has(result.err, hint));
}

}  // namespace

TEST("a command gets its words and options, and its exit code is the program's") {
    const Run result = run({"memory", "add", "--tag", "a", "green tea", "--tag=b=c", "--quiet", "--json"});
    CHECK_EQ(EX_TEMPFAIL, result.code);
    CHECK_TEXT("done\n", result.out);
    CHECK_TEXT("green tea", result.given.words.at(0));
    CHECK((result.given.all("tag") == std::vector<std::string>{"a", "b=c"}));
    CHECK_TEXT("b=c", result.given.get("tag"));
    CHECK(result.given.has("quiet") && result.given.has("json") && !result.given.has("help"));
    CHECK_TEXT("fallback", result.given.get("limit", "fallback"));
    CHECK(run({"version"}).ran);
}

TEST("after two dashes everything is a word") {
    CHECK_TEXT("--tag", run({"memory", "add", "--", "--tag"}).given.words.at(0));
    CHECK_TEXT("--", run({"memory", "add", "--", "--"}).given.words.at(0));
    CHECK_TEXT("-1", run({"memory", "add", "-1"}).given.words.at(0));
}

TEST("an empty value is a value") {
    CHECK(run({"memory", "add", "x", "--tag="}).given.has("tag"));
    CHECK(run({"memory", "add", "x", "--tag", ""}).given.has("tag"));
    CHECK_TEXT("", run({"memory", "add", ""}).given.words.at(0));
}

TEST("a slip is told with what was meant, and exits 64") {
    refused({"memroy", "add"}, "unknown command 'memroy'", "did you mean 'memory'?");
    refused({"memory", "lsit"}, "unknown command 'memory lsit'", "did you mean 'list'?");
    refused({"memory", "add", "x", "--tga", "y"}, "unknown option --tga", "did you mean '--tag'?");
    refused({"memory", "list", "--jsn"}, "unknown option --jsn", "did you mean '--json'?");
    refused({"zzzzzz"}, "unknown command 'zzzzzz'", "engram help");
    refused({"memory", "add", "x", "--zzzzzz"}, "unknown option", "engram memory add TEXT --help");
}

TEST("a wrong number of words or a value too many or too few exits 64") {
    refused({"memory", "add"}, "engram memory add TEXT needs TEXT");
    refused({"memory", "add", "a", "b"}, "'b' is one word too many");
    refused({"version", "x"}, "'x' is one word too many");
    refused({"memory", "add", "x", "--tag"}, "--tag needs a value");
    refused({"memory", "add", "x", "--quiet=yes"}, "--quiet takes no value");
}

TEST("no command at all prints what there is and exits 64") {
    const Run result = run({});
    CHECK_EQ(EX_USAGE, result.code);
    CHECK(has(result.err, "engram memory add TEXT") && has(result.err, "engram version"));
    CHECK_TEXT("", result.out);
    refused({"memory"}, "engram memory list");
}

TEST("help that was asked for goes to standard output and exits 0") {
    for (const std::vector<std::string>& line : std::vector<std::vector<std::string>>{
             {"help"}, {"--help"}, {"-h"}, {"help", "memory"}, {"memory", "--help"}, {"memory", "-h"}}) {
        const Run result = run(line);
        CHECK_EQ(EX_OK, result.code);
        CHECK(has(result.out, "engram memory add TEXT"));
        CHECK_TEXT("", result.err);
    }
    for (const std::vector<std::string>& line :
         std::vector<std::vector<std::string>>{{"help", "memory", "add"}, {"memory", "add", "--help"}, {"memory", "add", "a", "b", "--help"}}) {
        const Run result = run(line);
        CHECK_EQ(EX_OK, result.code);
        CHECK(!result.ran);
        CHECK(has(result.out, "--tag TAG") && has(result.out, "--json"));
        CHECK(!has(result.out, "memory list"));
    }
}

TEST("help on what is not there is a slip as any other") {
    refused({"help", "memroy"}, "unknown command 'memroy'", "did you mean 'memory'?");
    refused({"help", "memory", "lsit"}, "unknown command 'memory lsit'", "did you mean 'list'?");
}
