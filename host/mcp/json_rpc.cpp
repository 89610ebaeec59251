#include "mcp/json_rpc.hpp"

namespace engram::mcp {
namespace {

constexpr size_t kMaxId = 256;  // an id is echoed: it need not be a place to keep things

// MCP narrows JSON-RPC: an id is a string or a whole number, never null.
bool readId(const json::Value& value, std::string& out) {
    const bool whole = value.IsInt64() || value.IsUint64();
    if (!whole && !(value.IsString() && value.GetStringLength() <= kMaxId)) return false;
    out = json::write(value);
    return true;
}

Era eraOf(const json::Value* params) {
    if (!params) return Era::Legacy;
    const json::Value* meta = json::find(*params, "_meta");
    return meta && json::find(*meta, "io.modelcontextprotocol/protocolVersion") ? Era::Modern : Era::Legacy;
}

std::string head(const Message& message) {
    std::string out = R"({"jsonrpc":"2.0")";
    if (!message.id.empty()) out.append(",\"id\":").append(message.id);
    else if (message.era == Era::Legacy) out.append(",\"id\":null");
    return out;
}

}  // namespace

Message readMessage(const json::Value& value) {
    Message message;
    auto invalid = [&](std::string_view why) {
        message.kind = Message::Kind::Invalid;
        message.why = why;
        return message;
    };
    if (!value.IsObject()) return invalid("a message is a JSON object");
    const json::Value* id = json::find(value, "id");
    const bool id_is_good = id && readId(*id, message.id);
    const json::Value* version = json::find(value, "jsonrpc");
    if (!version || !version->IsString() || json::view(*version) != "2.0") return invalid("\"jsonrpc\" must be \"2.0\"");
    const json::Value* method = json::find(value, "method");
    if (!method) {
        const bool answers = json::find(value, "result") || json::find(value, "error");
        if (!answers || !id_is_good) return invalid("\"method\" is missing");
        message.kind = Message::Kind::Response;
        return message;
    }
    if (!method->IsString()) return invalid("\"method\" must be text");
    message.method = json::view(*method);
    message.params = json::find(value, "params");
    if (message.params && !message.params->IsObject()) return invalid("\"params\" must be an object");
    message.era = eraOf(message.params);
    if (id && !id_is_good) return invalid("\"id\" must be text of at most 256 bytes or a whole number");
    message.kind = id ? Message::Kind::Request : Message::Kind::Notification;
    return message;
}

std::string resultReply(const Message& message, std::string_view result) {
    std::string out = head(message);
    out.append(",\"result\":").append(result).push_back('}');
    return out;
}

std::string errorReply(const Message& message, int code, std::string_view text, std::string_view data) {
    std::string out = head(message);
    out.append(",\"error\":{\"code\":").append(std::to_string(code)).append(",\"message\":").append(quoted(text));
    if (!data.empty()) out.append(",\"data\":").append(data);
    return out.append("}}");
}

std::string quoted(std::string_view text) {
    json::Buffer buffer;
    json::Writer writer(buffer);
    writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
    return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace engram::mcp
