#include "mcp/endpoint.hpp"

#include "support/test.hpp"

using namespace engram;

namespace {

// A message with the document it lives in, and what the endpoint makes of it.
struct Asked {
    json::Document document;
    mcp::Message message;
    mcp::Outcome outcome;

    const mcp::Reply& reply() const { return std::get<mcp::Reply>(outcome); }
    const mcp::ToolCall& call() const { return std::get<mcp::ToolCall>(outcome); }
    int code() const {
        auto body = json::parse(reply().body);
        return (*body)["error"]["code"].GetInt();
    }
};

operations::Caller callerWith(std::vector<std::string> scopes) {
    operations::Caller caller;
    caller.scopes = std::move(scopes);
    return caller;
}

Asked ask(const std::string& text, const mcp::Headers& headers = {}, const operations::Caller& caller = callerWith({"*"})) {
    Asked asked{std::move(*json::parse(text)), {}, {}};
    asked.message = mcp::readMessage(asked.document);
    asked.outcome = mcp::handle(asked.message, headers, caller);
    return asked;
}

const std::string kModernMeta =
    R"("_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}})";

}  // namespace

TEST("a tool call is given back with its arguments, which may be left out") {
    const Asked with = ask(R"({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"memory_get","arguments":{"id":"x"}}})");
    CHECK_TEXT("memory.get", with.call().tool->operation);
    CHECK_TEXT("x", (*with.call().arguments)["id"].GetString());
    const Asked without = ask(R"({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"workspace_list"}})");
    CHECK(without.call().arguments == nullptr);
}

TEST("an id that cannot be echoed makes the message invalid") {
    for (const char* id : {"null", "1.5", "{}", "[1]", "true"}) {
        const Asked asked = ask(std::string(R"({"jsonrpc":"2.0","method":"ping","id":)") + id + "}");
        CHECK_EQ(400, asked.reply().status);
        CHECK_EQ(mcp::kInvalidRequest, asked.code());
        CHECK(asked.reply().body.find("\"id\":null") != std::string::npos);
    }
}

TEST("only tools within the caller's scopes are listed") {
    const Asked asked = ask(R"({"jsonrpc":"2.0","id":1,"method":"tools/list"})", {}, callerWith({"memory:delete"}));
    auto body = json::parse(asked.reply().body);
    const auto& tools = (*body)["result"]["tools"];
    CHECK_EQ(2u, tools.Size());
    CHECK_TEXT("memory_delete", tools[0]["name"].GetString());
    CHECK_TEXT("discover_tools", tools[1]["name"].GetString());
}

TEST("whoever has no tool beyond the list is not told to discover") {
    const Asked asked = ask(R"({"jsonrpc":"2.0","id":1,"method":"tools/list"})", {}, callerWith({"workspace:admin"}));
    CHECK(asked.reply().body.find("discover_tools") == std::string::npos);
}

TEST("all tools are listed to those that ask for them") {
    mcp::Headers headers;
    headers.all_tools = true;
    const Asked asked = ask(R"({"jsonrpc":"2.0","id":1,"method":"tools/list"})", headers, callerWith({"memory:delete"}));
    auto body = json::parse(asked.reply().body);
    const auto& tools = (*body)["result"]["tools"];
    CHECK_EQ(3u, tools.Size());
    CHECK_TEXT("memory_delete_batch", tools[1]["name"].GetString());
}

TEST("the era is the message's, whatever the method or the connection") {
    const mcp::Headers headers{"2026-07-28", "", "initialize", ""};
    const Asked modern = ask(R"({"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25",)" + kModernMeta + "}}", headers);
    CHECK_EQ(404, modern.reply().status);
    const Asked legacy = ask(R"({"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25"}})", headers);
    CHECK_EQ(200, legacy.reply().status);
    CHECK(!legacy.reply().session.empty());
}

TEST("a reply to a modern message says that it is complete, one to a legacy message does not") {
    const Asked modern = ask(R"({"jsonrpc":"2.0","id":1,"method":"tools/list","params":{)" + kModernMeta + "}}", {"2026-07-28", "", "tools/list", ""});
    CHECK(modern.reply().body.find("\"resultType\":\"complete\"") != std::string::npos);
    const Asked legacy = ask(R"({"jsonrpc":"2.0","id":1,"method":"tools/list"})");
    CHECK(legacy.reply().body.find("resultType") == std::string::npos);
}

TEST("batches belong to the revision of the session, else of the header") {
    const std::string with = mcp::mintSession("2025-03-26"), without = mcp::mintSession("2025-11-25");
    CHECK(mcp::mayBatch({}));
    CHECK(mcp::mayBatch({"2025-03-26", "", "", ""}));
    CHECK(!mcp::mayBatch({"2025-11-25", "", "", ""}));
    CHECK(mcp::mayBatch({"2025-11-25", with, "", ""}));
    CHECK(!mcp::mayBatch({"2025-03-26", without, "", ""}));
}

TEST("what an operation refuses is a result with code, detail and hint, and no structured content") {
    mcp::Message message;
    message.id = "\"a\"";
    auto body = json::parse(mcp::toolReply(message, Error{"memory_not_found", "no memory 1", "", "/id"}));
    const auto& result = (*body)["result"];
    CHECK(result["isError"].GetBool());
    CHECK(!result.HasMember("structuredContent"));
    auto error = json::parse(json::view(result["content"][0]["text"]));
    CHECK_TEXT("memory_not_found", (*error)["code"].GetString());
    CHECK_TEXT("list memories to find its id", (*error)["hint"].GetString());
    CHECK_TEXT("/id", (*error)["pointer"].GetString());
}

TEST("the operator's cause of an error is not told") {
    const std::string reply = mcp::toolReply({}, Error{"internal", "a fault", "", "", "/secret/path"});
    CHECK(reply.find("secret") == std::string::npos);
}
