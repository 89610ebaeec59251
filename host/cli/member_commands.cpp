// Members and invites.
#include "cli/client_commands.hpp"

#include <algorithm>
#include <iterator>

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

// A JSON object of text members; those without a value are left out.
std::string body(const std::vector<std::pair<const char*, std::string>>& members) {
    json::Buffer buffer;
    json::Writer out(buffer);
    out.StartObject();
    for (const auto& [name, value] : members)
        if (!value.empty()) member(out, name, value);
    out.EndObject();
    return {buffer.GetString(), buffer.GetSize()};
}

void showMember(const json::Value& m, std::ostream& out) {
    out << shorten(text(m, "user_id"), 60) << "  " << text(m, "role") << "  " << shorten(text(m, "email"), 60) << "\n";
}

void showInvite(const json::Value& i, std::ostream& out) {
    out << text(i, "id") << "  " << shorten(text(i, "email"), 60) << "  " << text(i, "role") << "  " << text(i, "state")
        << "  until " << text(i, "expires_at") << "\n";
}

std::string inviteBody(const Arguments& arguments) {
    std::string text = body({{"email", arguments.words[0]}, {"role", arguments.get("role")}});
    if (arguments.has("ttl-seconds")) text.insert(text.size() - 1, ",\"ttl_seconds\":" + arguments.get("ttl-seconds"));
    return text;
}

// "-" reads the token, so that it need not stand on the command line, where others of the machine see it.
std::string tokenOf(const std::string& word, Streams streams) {
    if (word != "-") return word;
    std::string token(std::istreambuf_iterator<char>(streams.in), {});
    token.erase(std::remove_if(token.begin(), token.end(), [](unsigned char c) { return c <= 0x20; }), token.end());
    return token;
}

int accept(const Connect& connect, Arguments arguments, Streams streams) {
    const std::string sent = body({{"token", tokenOf(arguments.words[0], streams)},
                                   {"user_id", arguments.get("user")},
                                   {"key_name", arguments.get("key-name")}});
    arguments.options.emplace_back("without-key", "");
    return request(connect, arguments, {"POST", "/v1/invites:accept", sent, {}}, streams,
                   [](const json::Value& answer, std::ostream& out) {
                       out << "tenant " << text(answer, "tenant") << "\n";
                       showMember(answer["member"], out);
                       if (const std::string key = text(answer, "secret"); !key.empty())
                           out << "key " << key << "   (shown this once)\n";
                   });
}

}  // namespace

void addMemberCommands(std::vector<Command>& commands, const Connect& connect) {
    const auto target = [](const char* path, const Arguments& a) { return path + percentEncode(a.words[0]); };
    commands.push_back({"member", "list", "", "show the tenant's members", 0, 0, with({}),
                        [connect](const Arguments& a, Streams s) {
                            return request(connect, a, {"GET", "/v1/members", "", {}}, s,
                                           [](const json::Value& v, std::ostream& out) {
                                               for (const auto& m : v["members"].GetArray()) showMember(m, out);
                                           });
                        }});
    commands.push_back({"member", "set-role", "USER ROLE", "make a member owner, admin, member or viewer", 2, 2, with({}),
                        [connect, target](const Arguments& a, Streams s) {
                            return request(connect, a, {"PATCH", target("/v1/members/", a), body({{"role", a.words[1]}}), {}}, s,
                                           [](const json::Value& v, std::ostream& out) { showMember(v["member"], out); });
                        }});
    commands.push_back({"member", "remove", "USER", "remove a member and revoke their keys", 1, 1, with({}),
                        [connect, target](const Arguments& a, Streams s) {
                            return request(connect, a, {"DELETE", target("/v1/members/", a), "", {}}, s,
                                           [](const json::Value& v, std::ostream& out) {
                                               out << "removed; " << text(v, "keys_revoked") << " keys revoked\n";
                                           });
                        }});
    commands.push_back({"invite", "create", "EMAIL", "invite somebody; the token is shown once", 1, 1,
                        with({{"role", Takes::Value, "ROLE", "owner, admin, member or viewer; member if not given"},
                              {"ttl-seconds", Takes::Value, "N", "how long it can be accepted; 604800 if not given"}}),
                        [connect](const Arguments& a, Streams s) {
                            return request(connect, a, {"POST", "/v1/invites", inviteBody(a), {}}, s,
                                           [](const json::Value& v, std::ostream& out) {
                                               out << text(v, "token") << "\n  ";
                                               showInvite(v["invite"], out);
                                           });
                        }});
    commands.push_back({"invite", "list", "", "show invites that are open, accepted or expired", 0, 0, with({}),
                        [connect](const Arguments& a, Streams s) {
                            return request(connect, a, {"GET", "/v1/invites", "", {}}, s,
                                           [](const json::Value& v, std::ostream& out) {
                                               for (const auto& i : v["invites"].GetArray()) showInvite(i, out);
                                           });
                        }});
    commands.push_back({"invite", "revoke", "ID", "take an invite back", 1, 1, with({}),
                        [connect, target](const Arguments& a, Streams s) {
                            return request(connect, a, {"DELETE", target("/v1/invites/", a), "", {}}, s,
                                           [](const json::Value&, std::ostream& out) { out << "revoked\n"; });
                        }});
    commands.push_back({"invite", "accept", "TOKEN", "become a member; - reads the token from standard input; needs no key", 1, 1,
                        with({{"user", Takes::Value, "ID", "how you are called here; the invite's address if not given"},
                              {"key-name", Takes::Value, "NAME", "name of your key"}}),
                        [connect](const Arguments& a, Streams s) { return accept(connect, a, s); }});
}

}  // namespace engram::cli
