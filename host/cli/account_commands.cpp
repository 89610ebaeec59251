// Keys, workspaces and usage; and the way to the server.
#include "cli/client_commands.hpp"

#include "cli/on_demand.hpp"
#include "config/data_directory.hpp"
#include "config/process_sources.hpp"
#include "config/settings.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace engram::cli {
namespace {

using Takes = Option::Takes;

std::vector<Option> with(std::vector<Option> own) {
    for (const Option& option : kConnectionOptions) own.push_back(option);
    return own;
}

void member(json::Writer& out, const char* name, const std::string& value) {
    out.Key(name);
    out.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
}

std::string keyBody(const Arguments& arguments) {
    json::Buffer buffer;
    json::Writer out(buffer);
    out.StartObject();
    member(out, "name", arguments.words[0]);
    if (arguments.has("mode")) member(out, "mode", arguments.get("mode"));
    if (const auto scopes = arguments.all("scope"); !scopes.empty()) {
        out.Key("scopes");
        out.StartArray();
        for (const std::string& scope : scopes) out.String(scope.data(), static_cast<rapidjson::SizeType>(scope.size()));
        out.EndArray();
    }
    if (arguments.has("expires-at")) member(out, "expires_at", arguments.get("expires-at"));
    out.EndObject();
    return {buffer.GetString(), buffer.GetSize()};
}

void showIssued(const json::Value& answer, std::ostream& out) {
    out << text(answer, "secret") << "\n";
    if (const json::Value* key = json::find(answer, "key"))
        out << "  id " << text(*key, "id") << "  scopes " << text(*key, "scopes") << "   (the key is shown this once)\n";
}

void showKeys(const json::Value& answer, std::ostream& out) {
    for (const auto& key : answer["keys"].GetArray()) {
        const std::string state = !text(key, "revoked_at").empty() ? "revoked" : "valid";
        out << text(key, "id") << "  " << text(key, "prefix") << "  " << state << "  " << shorten(text(key, "name"), 40)
            << "  " << text(key, "scopes") << "\n";
    }
}

void showUsage(const json::Value& answer, std::ostream& out) {
    for (const auto& row : answer["usage"].GetArray())
        out << text(row, "day") << "  " << text(row, "operation") << "  " << shorten(text(row, "workspace"), 40) << "  "
            << text(row, "requests") << " requests, " << text(row, "errors") << " errors\n";
    out << "total: " << json::write(answer["totals"]) << "\n";
    if (answer["limits"].Empty()) return;
    out << "plan " << text(answer, "plan") << "\n";
    for (const auto& limit : answer["limits"].GetArray()) {
        const std::string used = text(limit, "used"), reset = text(limit, "reset"), max = text(limit, "limit");
        out << "  " << text(limit, "unit") << "  " << (used.empty() ? "" : used + " of ") << (max.empty() ? "unlimited" : max)
            << (reset.empty() ? "" : ", from zero in " + reset + " s") << "\n";
    }
}

Result<std::string> readKey(const Arguments& arguments) {
    const char* file_variable = std::getenv("ENGRAM_KEY_FILE");
    const std::string path = arguments.get("key-file", file_variable ? file_variable : "");
    if (path.empty()) {
        const char* key = std::getenv("ENGRAM_KEY");
        if (key && *key) return std::string(key);
        return Error{"", "a key is needed for --url", "name a file with --key-file", ""};
    }
    std::ifstream file(path);
    std::string key;
    if (!std::getline(file, key)) return Error{"", path + " cannot be read", "check the path", ""};
    return key;
}

}  // namespace

Result<std::string> dataOf(const Arguments& arguments) {
    const std::string data = arguments.get("data");
    if (!data.empty()) return data;
    auto loaded = config::load(config::sourcesOf(arguments.get("config"), {}));
    if (auto* problems = std::get_if<config::Problems>(&loaded))
        return Error{"", problems->front().text(), "or name the data directory with --data", ""};
    return std::get<config::Settings>(loaded).data;
}

Result<std::unique_ptr<Transport>> connectFromArguments(const Arguments& arguments) {
    const char* url_variable = std::getenv("ENGRAM_URL");
    const std::string url = arguments.get("url", url_variable ? url_variable : "");
    if (!url.empty()) {
        // Whoever accepts an invite has no key yet.
        auto key = arguments.has("without-key") ? Result<std::string>(std::string()) : readKey(arguments);
        if (!key) return key.error();
        const char* ca_variable = std::getenv("ENGRAM_CA_FILE");
        return overTcp(url, *key, arguments.get("ca-file", ca_variable ? ca_variable : ""));
    }
    auto data = dataOf(arguments);
    if (!data) return data.error();
    auto socket = config::socketPath(*data);
    if (!socket) return socket.error();
    if (arguments.has("no-start")) return overSocket(*socket);
    std::error_code failed;
    const char* named = std::getenv("ENGRAM_CONFIG");
    std::string config = arguments.get("config", named ? named : "");
    if (!config.empty()) config = std::filesystem::absolute(config, failed).string();
    const std::string exe = std::filesystem::read_symlink("/proc/self/exe", failed).string();
    return overSocketOnDemand(std::make_shared<OnDemandServer>(
        OnDemandServer::Options{exe, std::filesystem::absolute(*data, failed).string(), config, *socket}));
}

void addAccountCommands(std::vector<Command>& commands, const Connect& connect) {
    commands.push_back({"key", "create", "NAME", "make an API key; shown once", 1, 1,
                        with({{"scope", Takes::Value, "SCOPE", "may be repeated; read, write and delete memories if none"},
                              {"mode", Takes::Value, "MODE", "instead of scopes: read_only, scoped_write, maintenance or admin"},
                              {"expires-at", Takes::Value, "TIME", "RFC 3339"}}),
                        [connect](const Arguments& a, Streams s) {
                            return request(connect, a, {"POST", "/v1/keys", keyBody(a), {}}, s, &showIssued);
                        }});
    commands.push_back({"key", "list", "", "show the tenant's keys", 0, 0, with({}), [connect](const Arguments& a, Streams s) {
                            return request(connect, a, {"GET", "/v1/keys", "", {}}, s, &showKeys);
                        }});
    commands.push_back({"key", "revoke", "ID", "make a key invalid at once", 1, 1, with({}),
                        [connect](const Arguments& a, Streams s) {
                            return request(connect, a, {"DELETE", "/v1/keys/" + percentEncode(a.words[0]), "", {}}, s,
                                           [](const json::Value&, std::ostream& out) { out << "revoked\n"; });
                        }});
    commands.push_back({"key", "rotate", "ID", "replace a key; the old one stays valid for a while", 1, 1,
                        with({{"overlap-seconds", Takes::Value, "N", "86400 if not given"}}),
                        [connect](const Arguments& a, Streams s) {
                            const std::string body =
                                a.has("overlap-seconds") ? "{\"overlap_seconds\":" + a.get("overlap-seconds") + "}" : "{}";
                            const std::string target = "/v1/keys/" + percentEncode(a.words[0]) + ":rotate";
                            return request(connect, a, {"POST", target, body, {}}, s, &showIssued);
                        }});
    commands.push_back({"workspace", "list", "", "show the tenant's workspaces", 0, 0, with({}),
                        [connect](const Arguments& a, Streams s) {
                            return request(connect, a, {"GET", "/v1/workspaces", "", {}}, s,
                                           [](const json::Value& v, std::ostream& out) {
                                               for (const auto& w : v["workspaces"].GetArray())
                                                   out << text(w, "name") << "  " << text(w, "memories") << " memories\n";
                                           });
                        }});
    commands.push_back({"workspace", "create", "NAME", "make an empty workspace", 1, 1, with({}),
                        [connect](const Arguments& a, Streams s) {
                            json::Buffer buffer;
                            json::Writer out(buffer);
                            out.StartObject();
                            member(out, "name", a.words[0]);
                            out.EndObject();
                            return request(connect, a, {"POST", "/v1/workspaces", buffer.GetString(), {}}, s,
                                           [](const json::Value&, std::ostream& o) { o << "made\n"; });
                        }});
    commands.push_back({"workspace", "delete", "NAME", "delete a workspace", 1, 1,
                        with({{"force", Takes::Nothing, "", "delete the memories in it, too"}}),
                        [connect](const Arguments& a, Streams s) {
                            const std::string target = "/v1/workspaces/" + percentEncode(a.words[0]) +
                                                       (a.has("force") ? "?force=true" : "");
                            return request(connect, a, {"DELETE", target, "", {}}, s,
                                           [](const json::Value&, std::ostream& out) { out << "deleted\n"; });
                        }});
    commands.push_back({"usage", "", "", "what was used, by day and operation, and what the plan allows", 0, 0,
                        with({{"from", Takes::Value, "TIME", "RFC 3339"}, {"until", Takes::Value, "TIME", "RFC 3339"}}),
                        [connect](const Arguments& a, Streams s) {
                            const std::string target = "/v1/usage" + query({{"from", a.get("from")}, {"until", a.get("until")}});
                            return request(connect, a, {"GET", target, "", {}}, s, &showUsage);
                        }});
}

}  // namespace engram::cli
