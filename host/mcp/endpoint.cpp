#include "mcp/endpoint.hpp"

#include "mcp/discovery.hpp"
#include "problem/problem.hpp"

namespace engram::mcp {
namespace {

constexpr int kListLifetime = 60'000;  // milliseconds for which a modern client may keep what it was told

std::string serverInfo() {
    return R"({"name":"engram","title":"Engram","version":")" ENGRAM_VERSION R"("})";
}

std::string list(std::span<const std::string_view> words) {
    std::string out = "[";
    for (std::string_view word : words) out.append(out.size() > 1 ? "," : "").append(quoted(word));
    return out + "]";
}

// A result as the message's era has it: `members` are those of the result, without braces.
std::string result(const Message& message, std::string_view members) {
    std::string out = "{";
    out.append(members);
    if (message.era == Era::Modern) {
        if (!members.empty()) out.push_back(',');
        out.append(R"("resultType":"complete","_meta":{"io.modelcontextprotocol/serverInfo":)");
        out.append(serverInfo()).push_back('}');
    }
    out.push_back('}');
    return resultReply(message, out);
}

// Modern clients keep these; what is listed depends on the caller's scopes, so never for others.
std::string cacheable(const Message& message, std::string members) {
    if (message.era == Era::Modern)
        members.append(",\"ttlMs\":").append(std::to_string(kListLifetime)).append(R"(,"cacheScope":"private")");
    return result(message, members);
}

Reply error(const Message& message, int code, std::string_view text, int status = 200, std::string_view data = {}) {
    return {status, errorReply(message, code, text, data)};
}

std::string_view textParam(const Message& message, std::string_view name) {
    const json::Value* value = message.params ? json::find(*message.params, name) : nullptr;
    return value && value->IsString() ? json::view(*value) : std::string_view();
}

Reply initialize(const Message& message) {
    const std::string_view asked = textParam(message, "protocolVersion");
    if (asked.empty()) return error(message, kInvalidParams, "initialize needs the text protocolVersion");
    const std::string_view revision = negotiate(asked);
    std::string members = "\"protocolVersion\":" + quoted(revision);
    members.append(R"(,"capabilities":{"tools":{}},"serverInfo":)").append(serverInfo());
    members.append(",\"instructions\":").append(quoted(instructions()));
    return {200, result(message, members), mintSession(revision)};
}

Reply discover(const Message& message) {
    std::string members = "\"supportedVersions\":" + list(modernRevisions());
    members.append(R"(,"capabilities":{"tools":{}},"instructions":)").append(quoted(instructions()));
    return {200, cacheable(message, std::move(members))};
}

Reply listTools(const Message& message, const Headers& headers, const operations::Caller& caller) {
    // Everything fits on one page: no cursor is of ours.
    if (message.params && json::find(*message.params, "cursor"))
        return error(message, kInvalidParams, "the cursor is not of this list, which has one page");
    std::vector<std::string_view> definitions;
    for (const Tool* tool : toolsOf(caller, Listed::Always)) definitions.push_back(definitionOf(*tool));
    const auto more = toolsOf(caller, Listed::WhenAsked);
    if (headers.all_tools)
        for (const Tool* tool : more) definitions.push_back(definitionOf(*tool));
    else if (!more.empty())
        definitions.push_back(definitionOfDiscovery());
    std::string members = "\"tools\":[";
    for (size_t i = 0; i < definitions.size(); ++i) members.append(i == 0 ? "" : ",").append(definitions[i]);
    return {200, cacheable(message, members + "]")};
}

Outcome callTool(const Message& message, const operations::Caller& caller) {
    const json::Value* name = message.params ? json::find(*message.params, "name") : nullptr;
    if (!name || !name->IsString()) return error(message, kInvalidParams, "tools/call needs the text name");
    const json::Value* arguments = json::find(*message.params, "arguments");
    if (arguments && !arguments->IsObject()) return error(message, kInvalidParams, "arguments must be an object");
    if (json::view(*name) == kDiscoverTools) {
        auto found = discoverTools(arguments, caller);
        if (!found) return Reply{200, toolReply(message, found.error())};
        operations::Answer answer;
        answer.body = std::move(*found);
        return Reply{200, toolReply(message, std::move(answer))};
    }
    const Tool* tool = findTool(json::view(*name));
    if (!tool)
        return error(message, kInvalidParams, "unknown tool '" + std::string(json::view(*name).substr(0, 128)) + "'");
    return ToolCall{tool, arguments};
}

Reply unknownMethod(const Message& message) {
    return error(message, kMethodNotFound, "no method '" + std::string(message.method.substr(0, 128)) + "'",
                 message.era == Era::Modern ? 404 : 200);
}

Outcome legacy(const Message& message, const Headers& headers, const operations::Caller& caller) {
    // Operations are short: what is cancelled has been answered already, or will be in a moment.
    if (message.kind == Message::Kind::Notification) return Reply{202};
    if (message.method == "initialize") return initialize(message);
    if (message.method == "ping") return Reply{200, result(message, "")};
    if (message.method == "tools/list") return listTools(message, headers, caller);
    if (message.method == "tools/call") return callTool(message, caller);
    return unknownMethod(message);
}

// What a modern request must say about itself, and its headers must repeat (2026-07-28, Streamable HTTP).
std::optional<Reply> faultOfEnvelope(const Message& message, const Headers& headers) {
    const json::Value& meta = *json::find(*message.params, "_meta");
    const json::Value* version = json::find(meta, "io.modelcontextprotocol/protocolVersion");
    const json::Value* capabilities = json::find(meta, "io.modelcontextprotocol/clientCapabilities");
    if (!version->IsString())
        return error(message, kInvalidParams, "_meta: io.modelcontextprotocol/protocolVersion must be text", 400);
    if (!capabilities || !capabilities->IsObject())
        return error(message, kInvalidParams, "_meta: io.modelcontextprotocol/clientCapabilities must be an object", 400);
    const std::string_view revision = json::view(*version);
    if (headers.protocol_version != revision)
        return error(message, kHeaderMismatch, "the header MCP-Protocol-Version is not what _meta says", 400);
    if (!isModern(revision))
        return error(message, kUnsupportedVersion, "this revision is not spoken here", 400,
                     "{\"supported\":" + list(modernRevisions()) + ",\"requested\":" + quoted(revision.substr(0, 64)) + "}");
    if (headers.method != message.method)
        return error(message, kHeaderMismatch, "the header Mcp-Method is not the message's method", 400);
    if (message.method == "tools/call" && headers.name != textParam(message, "name"))
        return error(message, kHeaderMismatch, "the header Mcp-Name is not the tool's name", 400);
    return std::nullopt;
}

Outcome modern(const Message& message, const Headers& headers, const operations::Caller& caller) {
    if (message.kind == Message::Kind::Notification) return Reply{202};
    if (auto fault = faultOfEnvelope(message, headers)) return *fault;
    if (message.method == "server/discover") return discover(message);
    if (message.method == "tools/list") return listTools(message, headers, caller);
    if (message.method == "tools/call") return callTool(message, caller);
    return unknownMethod(message);
}

std::string toolError(const Error& error) {
    const problem::Kind& kind = problem::kindOf(error.code);
    std::string out = "{\"code\":" + quoted(kind.code) + ",\"detail\":" + quoted(error.message);
    out.append(",\"hint\":").append(quoted(error.hint.empty() ? kind.hint : std::string_view(error.hint)));
    if (!error.pointer.empty()) out.append(",\"pointer\":").append(quoted(error.pointer));
    return out + "}";
}

}  // namespace

Outcome handle(const Message& message, const Headers& headers, const operations::Caller& caller) {
    if (message.kind == Message::Kind::Invalid) return error(message, kInvalidRequest, message.why, 400);
    if (message.kind == Message::Kind::Response)
        return error(message, kInvalidRequest, "this server asks its clients nothing: a response belongs to no request", 400);
    if (message.era == Era::Modern) return modern(message, headers, caller);
    if (message.method == "initialize") return legacy(message, headers, caller);
    const std::string_view version = headers.protocol_version;
    if (!version.empty() && !isLegacy(version) && !isModern(version))
        return error(message, kInvalidRequest, "MCP-Protocol-Version names a revision that is not spoken here", 400);
    if (!headers.session.empty()) {
        // Some clients send the newest revision they know in the header whatever was negotiated: the session says.
        if (!revisionOf(headers.session)) return error(message, kSessionNotFound, "this session is not known; initialize again", 404);
    } else if (isModern(version) && message.kind == Message::Kind::Request) {
        return error(message, kInvalidParams,
                     "_meta lacks io.modelcontextprotocol/protocolVersion and io.modelcontextprotocol/clientCapabilities", 400);
    }
    return legacy(message, headers, caller);
}

Outcome handleInBatch(const Message& message, const Headers& headers, const operations::Caller& caller) {
    if (message.kind == Message::Kind::Invalid) return error(message, kInvalidRequest, message.why);
    if (message.kind == Message::Kind::Response || message.era == Era::Modern)
        return error(message, kInvalidRequest, "this message cannot be part of a batch");
    if (message.method == "initialize") return error(message, kInvalidRequest, "initialize cannot be part of a batch");
    return legacy(message, headers, caller);
}

bool mayBatch(const Headers& headers) {
    if (!headers.session.empty()) return revisionOf(headers.session) == kBatchRevision;
    return headers.protocol_version.empty() || headers.protocol_version == kBatchRevision;
}

std::string toolReply(const Message& message, const Result<operations::Answer>& answer) {
    if (!answer) {
        std::string members = R"("content":[{"type":"text","text":)" + quoted(toolError(answer.error()));
        return result(message, members + "}],\"isError\":true");
    }
    std::string members = R"("content":[{"type":"text","text":)" + quoted(answer->body);
    members.append("}],\"structuredContent\":").append(answer->body).append(",\"isError\":false");
    return result(message, members);
}

std::string refusal(int code, const Error& error) { return errorReply(Message(), code, error.message, toolError(error)); }

}  // namespace engram::mcp
