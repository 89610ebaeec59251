// What a message asks for: an answer at once, or a tool to be called.
//
// The room's only way in. It decides nothing about memories: a tool call is given back to whoever has the operation's
// stages (scope, quota, metering), and its result is put into MCP's form here. Pure; any thread.
#pragma once

#include "json/json.hpp"
#include "mcp/json_rpc.hpp"
#include "mcp/tool.hpp"
#include "operations/caller.hpp"
#include "operations/operation.hpp"

#include <engram/cpp/result.hpp>

#include <string>
#include <string_view>
#include <variant>

namespace engram::mcp {

// What the request says beside its messages: the headers that mirror or select the protocol (empty if absent), and its query.
struct Headers {
    std::string_view protocol_version;  // MCP-Protocol-Version
    std::string_view session;           // Mcp-Session-Id
    std::string_view method, name;      // Mcp-Method, Mcp-Name (2026-07-28)
    bool all_tools = false;             // /mcp?tools=all, for clients that call nothing but what is listed
};

struct Reply {
    int status = 200;        // of HTTP
    std::string body{};      // empty: nothing to say (202)
    std::string session{};   // for Mcp-Session-Id, with an answer to `initialize`
};

struct ToolCall {
    const Tool* tool;
    const json::Value* arguments;  // an object in the message, or nullptr if left out
};

using Outcome = std::variant<Reply, ToolCall>;

// `message` came alone in its request.
Outcome handle(const Message& message, const Headers& headers, const operations::Caller& caller);
// `message` is one of a batch (2025-03-26), which mayBatch() has allowed.
Outcome handleInBatch(const Message& message, const Headers& headers, const operations::Caller& caller);
bool mayBatch(const Headers& headers);

// The outcome of a tool's operation: content and structuredContent, or isError with code, detail and hint.
std::string toolReply(const Message& message, const Result<operations::Answer>& result);

// A refusal that belongs to no message: {"jsonrpc":"2.0","id":null,"error":{…}} with code and hint in `data`.
std::string refusal(int code, const Error& error);

}  // namespace engram::mcp
