// Tenants, and the audit log.
#include "cli/client_commands.hpp"

namespace engram::cli {
namespace {

using Takes = Option::Takes;

std::vector<Option> with(std::vector<Option> own) {
    for (const Option& option : kConnectionOptions) own.push_back(option);
    return own;
}

std::string body(const std::vector<std::pair<const char*, std::string>>& members) {
    json::Buffer buffer;
    json::Writer out(buffer);
    out.StartObject();
    for (const auto& [name, value] : members) {
        if (value.empty()) continue;
        out.Key(name);
        out.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
    }
    out.EndObject();
    return {buffer.GetString(), buffer.GetSize()};
}

void showTenant(const json::Value& answer, std::ostream& out) {
    for (const auto& m : answer["tenant"].GetObject())
        out << json::view(m.name) << "  " << text(answer["tenant"], m.name.GetString()) << "\n";
}

void showTenants(const json::Value& answer, std::ostream& out) {
    for (const auto& t : answer["tenants"].GetArray())
        out << text(t, "slug") << "  " << text(t, "status") << "  " << text(t, "plan") << "  " << shorten(text(t, "name"), 40) << "\n";
    if (const std::string cursor = text(answer, "next_cursor"); !cursor.empty()) out << "more: --cursor " << cursor << "\n";
}

void showEvents(const json::Value& answer, std::ostream& out) {
    for (const auto& e : answer["events"].GetArray()) {
        const json::Value& details = e["details"];
        out << text(e, "at") << "  " << text(e, "operation") << "  " << shorten(text(e, "subject"), 60) << "  "
            << text(details, "outcome") << " " << text(e, "status");
        if (const json::Value* target = json::find(details, "target"))
            out << "  " << text(*target, "kind") << " " << shorten(text(*target, "id"), 80);
        if (const std::string count = text(details, "count"); !count.empty()) out << "  " << count << " times";
        out << "\n";
    }
    if (const std::string cursor = text(answer, "next_cursor"); !cursor.empty()) out << "more: --cursor " << cursor << "\n";
}

void showVerdict(const json::Value& answer, std::ostream& out) {
    const std::string problem = text(answer, "problem");
    out << (problem.empty() ? "intact" : "NOT intact: " + problem) << "\n"
        << text(answer, "entries") << " entries, " << text(answer, "first") << " to " << text(answer, "last") << "\n"
        << "head " << text(answer, "head") << "\n";
}

// The commands that change one tenant of the server.
Command configure(const Connect& connect, const char* verb, const char* words, const char* about, const char* status) {
    const size_t n = *status ? 1 : 2;
    return {"tenant", verb, words, about, n, n, with({}), [connect, status](const Arguments& a, Streams s) {
                const std::string sent = *status ? body({{"status", status}}) : body({{"plan", a.words[1]}});
                return request(connect, a, {"PATCH", "/v1/tenants/" + percentEncode(a.words[0]), sent, {}}, s, &showTenant);
            }};
}

void addAuditCommands(std::vector<Command>& commands, const Connect& connect) {
    commands.push_back({"audit", "list", "", "who changed what, newest first", 0, 0,
                        with({{"from", Takes::Value, "TIME", "RFC 3339"},
                              {"until", Takes::Value, "TIME", "RFC 3339"},
                              {"operation", Takes::Value, "NAME", "only this operation, e.g. key.create"},
                              {"subject", Takes::Value, "SUBJECT", "only by this one, e.g. local:owner"},
                              {"limit", Takes::Value, "N", "1 to 1000"},
                              {"cursor", Takes::Value, "CURSOR", "of the page before"}}),
                        [connect](const Arguments& a, Streams s) {
                            std::vector<std::pair<std::string, std::string>> parameters;
                            for (const char* name : {"from", "until", "operation", "subject", "limit", "cursor"})
                                parameters.emplace_back(name, a.get(name));
                            return request(connect, a, {"GET", "/v1/audit" + query(parameters), "", {}}, s, &showEvents);
                        }});
    commands.push_back({"audit", "verify", "", "check that the server's audit log is as it was written", 0, 0, with({}),
                        [connect](const Arguments& a, Streams s) {
                            return request(connect, a, {"GET", "/v1/audit:verify", "", {}}, s, &showVerdict);
                        }});
}

}  // namespace

void addTenantCommands(std::vector<Command>& commands, const Connect& connect) {
    commands.push_back({"tenant", "show", "", "show the tenant", 0, 0, with({}), [connect](const Arguments& a, Streams s) {
                            return request(connect, a, {"GET", "/v1/tenant", "", {}}, s, &showTenant);
                        }});
    commands.push_back({"tenant", "rename", "NAME", "give the tenant another name", 1, 1, with({}),
                        [connect](const Arguments& a, Streams s) {
                            return request(connect, a, {"PATCH", "/v1/tenant", body({{"name", a.words[0]}}), {}}, s, &showTenant);
                        }});
    commands.push_back({"tenant", "list", "", "show every tenant of the server", 0, 0,
                        with({{"limit", Takes::Value, "N", "1 to 1000"}, {"cursor", Takes::Value, "CURSOR", "of the page before"}}),
                        [connect](const Arguments& a, Streams s) {
                            const std::string target = "/v1/tenants" + query({{"limit", a.get("limit")}, {"cursor", a.get("cursor")}});
                            return request(connect, a, {"GET", target, "", {}}, s, &showTenants);
                        }});
    commands.push_back({"tenant", "create", "SLUG", "make a tenant; its first key is shown once", 1, 1,
                        with({{"name", Takes::Value, "NAME", "for people"},
                              {"owner", Takes::Value, "USER", "user id of its owner; you if not given"},
                              {"plan", Takes::Value, "PLAN", "that of your own tenant if not given"}}),
                        [connect](const Arguments& a, Streams s) {
                            const std::string sent = body({{"slug", a.words[0]}, {"name", a.get("name")},
                                                           {"owner", a.get("owner")}, {"plan", a.get("plan")}});
                            return request(connect, a, {"POST", "/v1/tenants", sent, {}}, s,
                                           [](const json::Value& v, std::ostream& out) {
                                               showTenant(v, out);
                                               if (const std::string key = text(v, "secret"); !key.empty())
                                                   out << "key  " << key << "   (shown this once)\n";
                                           });
                        }});
    commands.push_back(configure(connect, "suspend", "SLUG", "refuse every request to a tenant", "suspended"));
    commands.push_back(configure(connect, "activate", "SLUG", "end a suspension", "active"));
    commands.push_back(configure(connect, "set-plan", "SLUG PLAN", "give a tenant another plan", ""));
    addAuditCommands(commands, connect);
}

}  // namespace engram::cli
