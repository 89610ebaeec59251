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
    if (!results || results->Empty()) out << "nothing found\n";
    else for (const auto& result : results->GetArray()) {
        out << std::fixed << std::setprecision(3) << result["score"].GetDouble() << "  ";
        showLine(result["memory"], out);
        if (const json::Value* explain = json::find(result, "explain")) out << "       " << json::write(*explain) << "\n";
    }
    if (const std::string cursor = text(answer, "next_cursor"); !cursor.empty()) out << "more: --cursor " << cursor << "\n";
    if (const json::Value* explain = json::find(answer, "explain")) out << "search " << json::write(*explain) << "\n";
    if (const json::Value* why = json::find(answer, "why_not")) out << "why not: " << json::write(*why) << "\n";
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

void showUndone(const json::Value& answer, std::ostream& out) {
    if (answer["memory"].IsNull()) out << "deleted\n";
    else showChanged(answer, out);
}

void showChanges(const json::Value& answer, std::ostream& out) {
    out << "v" << text(answer, "from") << " -> v" << text(answer, "to") << "\n";
    for (const auto& member : answer["changes"].GetObject()) {
        const std::string name(json::view(member.name));
        if (name != "content") {
            out << "  " << name << " " << json::write(member.value) << "\n";
            continue;
        }
        for (const auto& hunk : member.value.GetArray())
            out << "  content at " << text(hunk, "at_old") << ": -[" << text(hunk, "removed") << "] +[" << text(hunk, "added")
                << "]\n";
    }
}

void showPairs(const json::Value& answer, std::ostream& out) {
    for (const auto& pair : answer["pairs"].GetArray()) {
        out << std::fixed << std::setprecision(3) << pair["score"].GetDouble() << (pair["same"].GetBool() ? "  the same" : "")
            << "\n  ";
        showLine(pair["first"], out);
        out << "  ";
        showLine(pair["second"], out);
    }
    if (const std::string cursor = text(answer, "next_cursor"); !cursor.empty()) out << "more: --cursor " << cursor << "\n";
}

void showItems(const json::Value& answer, std::ostream& out) {
    for (const auto& item : answer["results"].GetArray()) {
        out << text(item, "id") << "  " << text(item, "outcome");
        if (const json::Value* error = json::find(item, "error")) out << "  " << text(*error, "detail");
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
                        with(withFields({workspace, {"idempotency-key", Takes::Value, "KEY", "store it once, however often sent"},
                                          {"on-duplicate", Takes::Value, "HOW", "if its text is there: allow, reject, skip or merge"}})),
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
                              {"context", Takes::Value, "WHICH", "session: its memories lend each other score; none"},
                              {"dates", Takes::Value, "HOW", "favour the times that the query names, or ignore"},
                              {"fuzzy", Takes::Value, "HOW", "auto: similar words stand in for one that no memory has; off"},
                              {"type", Takes::Value, "TYPE", "of one of these types; may be given more than once"},
                              {"tag", Takes::Value, "TAG", "with all of these tags; may be given more than once"},
                              {"since", Takes::Value, "WHEN", "what occurred then or later, an RFC 3339 date and time"},
                              {"until", Takes::Value, "WHEN", "what occurred before, an RFC 3339 date and time"},
                              {"valid-at", Takes::Value, "WHEN", "what holds in the world at that time, an RFC 3339 date and time"},
                              {"weights", Takes::Value, "JSON", "how much a part of the score counts: vector, session, dates, importance, recency"},
                              {"cursor", Takes::Value, "CURSOR", "of the page before"},
                              {"max-tokens", Takes::Value, "N", "as many results as stay within it, at four bytes a token"},
                              {"as-of", Takes::Value, "WHEN", "the past: an LSN, or an RFC 3339 date and time"},
                              {"explain", Takes::Nothing, "", "say how each score came about, and what the search did"},
                              {"why-not", Takes::Value, "ID", "say what kept this memory out of the results"}}),
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
                              {"valid-at", Takes::Value, "WHEN", "what holds in the world at that time, an RFC 3339 date and time"},
                              {"order", Takes::Value, "ORDER", "created, updated, occurred or importance"},
                              {"direction", Takes::Value, "DIR", "asc or desc"},
                              {"limit", Takes::Value, "N", "1 to 1000"},
                              {"cursor", Takes::Value, "CURSOR", "of the page before"}}),
                        [connect](const Arguments& a, Streams s) {
                            std::vector<std::pair<std::string, std::string>> parameters;
                            for (const char* name : {"workspace", "filter", "order", "direction", "limit", "cursor"})
                                parameters.emplace_back(name, a.get(name));
                            parameters.emplace_back("valid_at", a.get("valid-at"));
                            return request(connect, a, {"GET", "/v1/memories" + query(parameters), "", {}}, s, &showPage);
                        }});
    commands.push_back({"memory", "update", "ID", "change some fields of a memory", 1, 1,
                        with(withFields({{"content", Takes::Value, "TEXT", "the new content; - reads standard input"},
                                          {"unpin", Takes::Nothing, "", "let it go again"}, if_version})),
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
    commands.push_back({"memory", "undo", "ID", "take the last change back, a delete too", 1, 1, with({if_version}),
                        [connect](const Arguments& a, Streams s) {
                            return request(connect, a, ifVersion(a, {"POST", idPath(a, ":undo"), "", {}}), s, &showUndone);
                        }});
    commands.push_back({"memory", "diff", "ID", "what changed between two versions", 1, 1,
                        with({{"from", Takes::Value, "N", "the version before --to if not given"},
                              {"to", Takes::Value, "N", "the newest version if not given"}}),
                        [connect](const Arguments& a, Streams s) {
                            const std::string tail = "/diff" + query({{"from", a.get("from")}, {"to", a.get("to")}});
                            return request(connect, a, {"GET", idPath(a, tail), "", {}}, s, &showChanges);
                        }});
    commands.push_back({"memory", "duplicates", "", "pairs of memories that are nearly the same", 0, 0,
                        with({workspace,
                              {"id", Takes::Value, "ID", "only what is like this memory"},
                              {"threshold", Takes::Value, "SHARE", "least share of words in common, 0.1 to 1"},
                              {"cursor", Takes::Value, "CURSOR", "of the page before"}}),
                        [connect](const Arguments& a, Streams s) {
                            std::vector<std::pair<std::string, std::string>> parameters;
                            for (const char* name : {"workspace", "id", "threshold", "cursor"})
                                parameters.emplace_back(name, a.get(name));
                            return request(connect, a, {"GET", "/v1/duplicates" + query(parameters), "", {}}, s, &showPairs);
                        }});
    const auto changeMany = [connect](const char* path) {
        return [connect, path](const Arguments& a, Streams s) {
            auto body = batchBody(a);
            if (!body) return tell(body.error(), EX_USAGE, s);
            return request(connect, a, {"POST", path, *body, {}}, s, &showItems);
        };
    };
    const Option atomic{"atomic", Takes::Nothing, "", "all of them or none"};
    commands.push_back({"memory", "delete-many", "ID...", "delete memories; each can be undeleted", 1, 1000, with({atomic}),
                        changeMany("/v1/memories:delete")});
    commands.push_back({"memory", "tag", "ID...", "add tags to memories, or take some away", 1, 1000,
                        with({{"add", Takes::Value, "TAG", "may be given several times"},
                              {"remove", Takes::Value, "TAG", "may be given several times"},
                              atomic}),
                        changeMany("/v1/memories:tag")});
    commands.push_back({"memory", "merge", "ID...", "make one memory of several; the first is kept, the others are deleted", 2, 100,
                        with({{"content", Takes::Value, "TEXT", "what the kept one says from now on"}}),
                        [connect](const Arguments& a, Streams s) {
                            auto body = mergeBody(a);
                            if (!body) return tell(body.error(), EX_USAGE, s);
                            return request(connect, a, {"POST", "/v1/memories:merge", *body, {}}, s, &showChanged);
                        }});
    commands.push_back({"memory", "feedback", "ID VERDICT", "say whether a memory was useful or useless: it is found earlier, or later",
                        2, 2, with({}), [connect](const Arguments& a, Streams s) {
                            if (a.words[1] != "useful" && a.words[1] != "useless")
                                return tell(Error{"", "'" + a.words[1] + "' is neither useful nor useless", "", ""}, EX_USAGE, s);
                            const std::string body = a.words[1] == "useful" ? R"({"useful":true})" : R"({"useful":false})";
                            return request(connect, a, {"POST", idPath(a, ":feedback"), body, {}}, s, &showChanged);
                        }});
    commands.push_back({"memory", "purge", "ID", "remove every version and byte of a memory, for good", 1, 1, with({if_version}),
                        [connect](const Arguments& a, Streams s) {
                            return request(connect, a, ifVersion(a, {"POST", idPath(a, ":purge"), "", {}}), s,
                                           [](const json::Value&, std::ostream& out) { out << "purged\n"; });
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
