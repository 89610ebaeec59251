#include "cli/client_commands.hpp"

#include "cli/client.hpp"
#include "cli/import.hpp"
#include "cli/memory_body.hpp"

#include <iomanip>
#include <iterator>

#include <sysexits.h>

namespace engram::cli {
namespace {

using Takes = Option::Takes;

constexpr size_t kContentWidth = 100;

void showMemory(const json::Value& memory, std::ostream& out) {
    out << text(memory, "id") << "  v" << text(memory, "version") << "  " << text(memory, "workspace") << "/"
        << text(memory, "type") << "  " << text(memory, "created_at") << "\n"
        << "  " << shorten(text(memory, "content"), 4000) << "\n";
    const std::string tags = text(memory, "tags"), metadata = text(memory, "metadata");
    if (tags != "[]") out << "  tags " << tags << "\n";
    if (metadata != "{}") out << "  metadata " << shorten(metadata, 400) << "\n";
}

// Answers to reading or changing one memory.
void showChanged(const json::Value& answer, std::ostream& out) { showMemory(answer["memory"], out); }

Call ifVersion(const Arguments& arguments, Call call) {
    if (arguments.has("if-version")) call.headers.emplace_back("If-Match", "\"" + arguments.get("if-version") + "\"");
    return call;
}

void showLine(const json::Value& memory, std::ostream& out) {
    out << text(memory, "id") << "  " << shorten(text(memory, "content"), kContentWidth) << "\n";
}

// "-" stands for what is on standard input.
std::string contentOf(const std::string& word, Streams streams) {
    return word == "-" ? std::string(std::istreambuf_iterator<char>(streams.in), {}) : word;
}

void showResults(const json::Value& answer, std::ostream& out) {
    const json::Value* results = json::find(answer, "results");
    if (!results || results->Empty()) {
        out << "nothing found\n";
        return;
    }
    for (const auto& result : results->GetArray()) {
        out << std::fixed << std::setprecision(3) << result["score"].GetDouble() << "  ";
        showLine(result["memory"], out);
        if (const json::Value* explain = json::find(result, "explain")) out << "       " << json::write(*explain) << "\n";
    }
}

std::string idPath(const Arguments& arguments, std::string_view tail = {}) {
    return "/v1/memories/" + percentEncode(arguments.words[0]) + std::string(tail);
}

void showPage(const json::Value& answer, std::ostream& out) {
    for (const auto& memory : answer["memories"].GetArray()) showLine(memory, out);
    if (const std::string cursor = text(answer, "next_cursor"); !cursor.empty()) out << "more: --cursor " << cursor << "\n";
}

void showHistory(const json::Value& answer, std::ostream& out) {
    for (const auto& version : answer["versions"].GetArray()) {
        out << "v" << text(version, "version") << "  lsn " << text(version, "lsn") << "  " << text(version, "state");
        if (const json::Value* memory = json::find(version, "memory"); memory && memory->IsObject())
            out << "  " << shorten(text(*memory, "content"), kContentWidth);
        out << "\n";
    }
}

}  // namespace

void addMemoryCommands(std::vector<Command>& commands, const Connect& connect) {
    const Option workspace{"workspace", Takes::Value, "NAME", "workspace (default if not given)"};
    const Option if_version{"if-version", Takes::Value, "N", "refuse if the memory has another version"};
    const auto withFields = [](std::vector<Option> own) {
        own.insert(own.end(), std::begin(kMemoryFields), std::end(kMemoryFields));
        return own;
    };
    const auto with = [](std::vector<Option> own) {
        for (const Option& option : kConnectionOptions) own.push_back(option);
        return own;
    };
    commands.push_back({"memory", "add", "TEXT", "store a memory; - reads standard input", 1, 1,
                        with(withFields({workspace, {"idempotency-key", Takes::Value, "KEY", "store it once, however often sent"}})),
                        [connect](const Arguments& a, Streams s) {
                            const std::string content = contentOf(a.words[0], s);
                            auto body = memoryBody(a, &content);
                            if (!body) return tell(body.error(), EX_USAGE, s);
                            Call call{"POST", "/v1/memories", *body, {}};
                            if (a.has("idempotency-key")) call.headers.emplace_back("Idempotency-Key", a.get("idempotency-key"));
                            return request(connect, a, call, s,
                                           [](const json::Value& v, std::ostream& out) { showLine(v["memory"], out); });
                        }});
    commands.push_back({"memory", "search", "QUERY", "find memories by what they say", 1, 1,
                        with({workspace,
                              {"filter", Takes::Value, "JSON", "conditions, see the filter language"},
                              {"limit", Takes::Value, "N", "1 to 100"},
                              {"explain", Takes::Nothing, "", "say how each score came about"}}),
                        [connect](const Arguments& a, Streams s) {
                            auto body = searchBody(a);
                            if (!body) return tell(body.error(), EX_USAGE, s);
                            return request(connect, a, {"POST", "/v1/search", *body, {}}, s, &showResults);
                        }});
    commands.push_back({"memory", "get", "ID", "show one memory", 1, 1, with({}), [connect](const Arguments& a, Streams s) {
                            return request(connect, a, {"GET", idPath(a), "", {}}, s, &showChanged);
                        }});
    commands.push_back({"memory", "list", "", "show memories in order", 0, 0,
                        with({workspace,
                              {"filter", Takes::Value, "JSON", "conditions, see the filter language"},
                              {"order", Takes::Value, "ORDER", "created, updated, occurred or importance"},
                              {"direction", Takes::Value, "DIR", "asc or desc"},
                              {"limit", Takes::Value, "N", "1 to 1000"},
                              {"cursor", Takes::Value, "CURSOR", "of the page before"}}),
                        [connect](const Arguments& a, Streams s) {
                            std::vector<std::pair<std::string, std::string>> parameters;
                            for (const char* name : {"workspace", "filter", "order", "direction", "limit", "cursor"})
                                parameters.emplace_back(name, a.get(name));
                            return request(connect, a, {"GET", "/v1/memories" + query(parameters), "", {}}, s, &showPage);
                        }});
    commands.push_back({"memory", "update", "ID", "change some fields of a memory", 1, 1,
                        with(withFields({{"content", Takes::Value, "TEXT", "the new content; - reads standard input"}, if_version})),
                        [connect](const Arguments& a, Streams s) {
                            const std::string content = contentOf(a.get("content"), s);
                            auto body = memoryBody(a, a.has("content") ? &content : nullptr);
                            if (!body) return tell(body.error(), EX_USAGE, s);
                            return request(connect, a, ifVersion(a, {"PATCH", idPath(a), *body, {}}), s, &showChanged);
                        }});
    commands.push_back({"memory", "delete", "ID", "delete a memory; it can be undeleted", 1, 1, with({if_version}),
                        [connect](const Arguments& a, Streams s) {
                            return request(connect, a, ifVersion(a, {"DELETE", idPath(a), "", {}}), s,
                                           [](const json::Value&, std::ostream& out) { out << "deleted\n"; });
                        }});
    commands.push_back({"memory", "undelete", "ID", "bring a deleted memory back", 1, 1, with({}),
                        [connect](const Arguments& a, Streams s) {
                            return request(connect, a, {"POST", idPath(a, ":undelete"), "", {}}, s, &showChanged);
                        }});
    commands.push_back({"memory", "history", "ID", "every version of a memory", 1, 1, with({}),
                        [connect](const Arguments& a, Streams s) {
                            return request(connect, a, {"GET", idPath(a, "/history"), "", {}}, s, &showHistory);
                        }});
    commands.push_back({"memory", "revert", "ID VERSION", "make an earlier version the newest again", 2, 2, with({if_version}),
                        [connect](const Arguments& a, Streams s) {
                            const std::string body = "{\"version\":" + a.words[1] + "}";
                            return request(connect, a, ifVersion(a, {"POST", idPath(a, ":revert"), body, {}}), s, &showChanged);
                        }});
    commands.push_back({"memory", "import", "FILE", "store one memory a line, each as the body of POST /v1/memories", 1, 1,
                        with({{"workspace", Takes::Value, "NAME", "for lines that name none"}}),
                        [connect](const Arguments& a, Streams s) { return importFile(connect, a, s); }});
}

}  // namespace engram::cli
