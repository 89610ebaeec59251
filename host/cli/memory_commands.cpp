#include "cli/client_commands.hpp"

#include "cli/client.hpp"
#include "cli/import.hpp"

#include <iomanip>

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

void showLine(const json::Value& memory, std::ostream& out) {
    out << text(memory, "id") << "  " << shorten(text(memory, "content"), kContentWidth) << "\n";
}

void member(json::Writer& out, const char* name, const std::string& value) {
    out.Key(name);
    out.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
}

std::string addBody(const Arguments& arguments) {
    json::Buffer buffer;
    json::Writer out(buffer);
    out.StartObject();
    member(out, "content", arguments.words[0]);
    if (arguments.has("workspace")) member(out, "workspace", arguments.get("workspace"));
    if (arguments.has("type")) member(out, "type", arguments.get("type"));
    if (const auto tags = arguments.all("tag"); !tags.empty()) {
        out.Key("tags");
        out.StartArray();
        for (const std::string& tag : tags) out.String(tag.data(), static_cast<rapidjson::SizeType>(tag.size()));
        out.EndArray();
    }
    out.EndObject();
    return {buffer.GetString(), buffer.GetSize()};
}

// The search's body; the filter is JSON already and the limit a number: both are checked by the server.
Result<std::string> searchBody(const Arguments& arguments) {
    json::Buffer buffer;
    json::Writer out(buffer);
    out.StartObject();
    member(out, "query", arguments.words[0]);
    if (arguments.has("workspace")) member(out, "workspace", arguments.get("workspace"));
    for (const char* name : {"filter", "limit"}) {
        if (!arguments.has(name)) continue;
        const std::string value = arguments.get(name);
        if (auto parsed = json::parse(value); !parsed)
            return Error{"", "--" + std::string(name) + " is not JSON: " + parsed.error().message, "", ""};
        out.Key(name);
        out.RawValue(value.data(), value.size(), rapidjson::kObjectType);
    }
    if (arguments.has("explain")) {
        out.Key("explain");
        out.Bool(true);
    }
    out.EndObject();
    return std::string(buffer.GetString(), buffer.GetSize());
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
    const auto with = [](std::vector<Option> own) {
        for (const Option& option : kConnectionOptions) own.push_back(option);
        return own;
    };
    commands.push_back({"memory", "add", "TEXT", "store a memory", 1, 1,
                        with({workspace,
                              {"type", Takes::Value, "TYPE", "your own classification"},
                              {"tag", Takes::Value, "TAG", "may be repeated"}}),
                        [connect](const Arguments& a, Streams s) {
                            return request(connect, a, {"POST", "/v1/memories", addBody(a), {}}, s,
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
                            return request(connect, a, {"GET", idPath(a), "", {}}, s,
                                           [](const json::Value& v, std::ostream& out) { showMemory(v["memory"], out); });
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
    commands.push_back({"memory", "update", "ID", "change a memory's content", 1, 1,
                        with({{"content", Takes::Value, "TEXT", "the new content"},
                              {"if-version", Takes::Value, "N", "refuse if the memory has another version"}}),
                        [connect](const Arguments& a, Streams s) {
                            json::Buffer buffer;
                            json::Writer out(buffer);
                            out.StartObject();
                            if (a.has("content")) member(out, "content", a.get("content"));
                            out.EndObject();
                            Call call{"PATCH", idPath(a), buffer.GetString(), {}};
                            if (a.has("if-version")) call.headers.emplace_back("If-Match", "\"" + a.get("if-version") + "\"");
                            return request(connect, a, call, s,
                                           [](const json::Value& v, std::ostream& o) { showMemory(v["memory"], o); });
                        }});
    commands.push_back({"memory", "delete", "ID", "delete a memory; it can be undeleted", 1, 1, with({}),
                        [connect](const Arguments& a, Streams s) {
                            return request(connect, a, {"DELETE", idPath(a), "", {}}, s,
                                           [](const json::Value&, std::ostream& out) { out << "deleted\n"; });
                        }});
    commands.push_back({"memory", "undelete", "ID", "bring a deleted memory back", 1, 1, with({}),
                        [connect](const Arguments& a, Streams s) {
                            return request(connect, a, {"POST", idPath(a, ":undelete"), "", {}}, s,
                                           [](const json::Value& v, std::ostream& out) { showMemory(v["memory"], out); });
                        }});
    commands.push_back({"memory", "history", "ID", "every version of a memory", 1, 1, with({}),
                        [connect](const Arguments& a, Streams s) {
                            return request(connect, a, {"GET", idPath(a, "/history"), "", {}}, s, &showHistory);
                        }});
    commands.push_back({"memory", "revert", "ID VERSION", "make an earlier version the newest again", 2, 2, with({}),
                        [connect](const Arguments& a, Streams s) {
                            const std::string body = "{\"version\":" + a.words[1] + "}";
                            return request(connect, a, {"POST", idPath(a, ":revert"), body, {}}, s,
                                           [](const json::Value& v, std::ostream& out) { showMemory(v["memory"], out); });
                        }});
    commands.push_back({"memory", "import", "FILE", "store one memory a line, each as the body of POST /v1/memories", 1, 1,
                        with({{"workspace", Takes::Value, "NAME", "for lines that name none"}}),
                        [connect](const Arguments& a, Streams s) { return importFile(connect, a, s); }});
}

}  // namespace engram::cli
