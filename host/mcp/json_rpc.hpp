// JSON-RPC 2.0 as MCP uses it: messages taken apart, replies put together. Pure; any thread.
#pragma once

#include "json/json.hpp"
#include "mcp/protocol.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace engram::mcp {

// JSON-RPC 2.0, section 5.1; the last three are MCP's (2026-07-28).
inline constexpr int kParseError = -32700;
inline constexpr int kInvalidRequest = -32600;
inline constexpr int kMethodNotFound = -32601;
inline constexpr int kInvalidParams = -32602;
inline constexpr int kInternalError = -32603;
inline constexpr int kSessionNotFound = -32001;
inline constexpr int kHeaderMismatch = -32020;
inline constexpr int kUnsupportedVersion = -32022;

// One message; what it refers to lives in the parsed document.
struct Message {
    enum class Kind { Request, Notification, Response, Invalid };
    Kind kind = Kind::Invalid;
    Era era = Era::Legacy;
    std::string id;                       // JSON text, quotes included; empty if there is none that can be echoed
    std::string_view method;              // of requests and notifications
    const json::Value* params = nullptr;  // an object, or nullptr if left out
    std::string_view why;                 // Invalid: what is wrong with it
};

Message readMessage(const json::Value& value);

// {"jsonrpc":"2.0","id":…,"result":…}; `result` is JSON text.
std::string resultReply(const Message& message, std::string_view result);
// {"jsonrpc":"2.0","id":…,"error":…}; `data` is JSON text or empty. A legacy reply without an id has null.
std::string errorReply(const Message& message, int code, std::string_view text, std::string_view data = {});

// A JSON string with its quotes.
std::string quoted(std::string_view text);

}  // namespace engram::mcp
