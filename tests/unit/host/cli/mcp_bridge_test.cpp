#include "cli/mcp_bridge.hpp"

#include "support/test.hpp"

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <sstream>

using namespace engram;

namespace {

// A server in the test's hands: remembers what came and answers by method.
struct FakeServer {
    std::mutex mutex;
    std::condition_variable changed;
    std::vector<cli::Call> calls;
    std::map<std::string, cli::Answer> answers;  // by a piece of the body
    std::set<std::string> held;                  // pieces whose answers wait until a ping was answered
    std::set<std::string> lost;                  // pieces that end the connection

    Result<cli::Answer> take(const cli::Call& call) {
        std::unique_lock lock(mutex);
        calls.push_back(call);
        changed.notify_all();
        for (const std::string& piece : lost)
            if (call.body.find(piece) != std::string::npos) return Error{"unavailable", "nobody answers", "start one", ""};
        if (call.body.find("ping") != std::string::npos) held.clear();
        changed.notify_all();
        // The deadline is for a bridge that sends one message after the other, which must fail and not hang.
        if (!changed.wait_for(lock, std::chrono::seconds(30), [&] {
                for (const std::string& piece : held)
                    if (call.body.find(piece) != std::string::npos) return false;
                return true;
            }))
            return Error{"unavailable", "the ping never came", "", ""};
        for (const auto& [piece, answer] : answers)
            if (call.body.find(piece) != std::string::npos) return answer;
        return cli::Answer{202, ""};
    }
};

struct FakeTransport final : cli::Transport {
    explicit FakeTransport(FakeServer& s) : server(s) {}
    Result<cli::Answer> send(const cli::Call& call) override { return server.take(call); }
    std::unique_ptr<Transport> another() const override { return std::make_unique<FakeTransport>(server); }
    FakeServer& server;
};

std::string headerOf(const cli::Call& call, const std::string& name) {
    for (const auto& [key, value] : call.headers)
        if (key == name) return value;
    return "";
}

std::string run(FakeServer& server, const std::string& lines, cli::McpBridge::Limits limits = {}) {
    std::istringstream in(lines);
    std::ostringstream out, err;
    cli::McpBridge bridge(std::make_unique<FakeTransport>(server), {out, err, in}, limits);
    CHECK_EQ(0, bridge.run());
    return out.str();
}

}  // namespace

TEST("the endpoint is the one that was asked for") {
    FakeServer server;
    std::istringstream in(R"({"jsonrpc":"2.0","id":1,"method":"tools/list"})");
    std::ostringstream out, err;
    cli::McpBridge(std::make_unique<FakeTransport>(server), {out, err, in}, {}, "/mcp?tools=all").run();
    CHECK_TEXT("/mcp?tools=all", server.calls.at(0).target);
}

TEST("each message has an idempotency key of its own") {
    FakeServer server;
    run(server, "{\"jsonrpc\":\"2.0\",\"method\":\"a\"}\n{\"jsonrpc\":\"2.0\",\"method\":\"b\"}\n");
    CHECK_EQ(size_t(2), server.calls.size());
    CHECK(!headerOf(server.calls[0], "Idempotency-Key").empty());
    CHECK(headerOf(server.calls[0], "Idempotency-Key") != headerOf(server.calls[1], "Idempotency-Key"));
}

TEST("a server that does not answer is an error with the request's id") {
    FakeServer server;
    server.lost = {"ping"};
    const std::string out = run(server, "{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"method\":\"ping\"}\n{\"jsonrpc\":\"2.0\",\"method\":\"pinged\"}\n");
    auto answer = json::parse(out.substr(0, out.find('\n')));
    CHECK_TEXT("x", (*answer)["id"].GetString());
    CHECK_TEXT("nobody answers", (*answer)["error"]["message"].GetString());
    CHECK_EQ(out.size() - 1, out.find('\n'));
}

TEST("complaints of messages that fail at once are whole lines") {
    FakeServer server;
    server.lost = {"lost"};
    std::string lines;
    for (int i = 0; i < 1000; ++i) lines += "{\"jsonrpc\":\"2.0\",\"method\":\"lost\"}\n";
    std::istringstream in(lines);
    std::ostringstream out, err;
    cli::McpBridge bridge(std::make_unique<FakeTransport>(server), {out, err, in}, {});
    CHECK_EQ(0, bridge.run());
    std::string expected;
    for (int i = 0; i < 1000; ++i) expected += "engram: nobody answers\n";
    CHECK_TEXT(expected, err.str());
}

TEST("a problem document becomes an error of the request") {
    FakeServer server;
    server.answers["ping"] = {429, R"({"detail":"too many","code":"rate_limited"})"};
    auto answer = json::parse(run(server, "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"ping\"}\n"));
    CHECK_EQ(7, (*answer)["id"].GetInt());
    CHECK_TEXT("too many", (*answer)["error"]["message"].GetString());
    CHECK_TEXT("rate_limited", (*answer)["error"]["data"]["code"].GetString());
}

TEST("a line that is too long is refused and the next one is read") {
    FakeServer server;
    server.answers["ping"] = {200, R"({"jsonrpc":"2.0","id":1,"result":{}})"};
    cli::McpBridge::Limits limits;
    limits.line_bytes = 64;
    const std::string out = run(server, std::string(100, 'x') + "\n{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n", limits);
    CHECK(out.find("64 bytes") != std::string::npos);
    CHECK(out.find("\"result\"") != std::string::npos);
    CHECK_EQ(size_t(1), server.calls.size());
}

TEST("an answer of several lines is one line") {
    FakeServer server;
    server.answers["ping"] = {200, "{\n\"jsonrpc\":\"2.0\",\n\"id\":1,\"result\":{}}"};
    const std::string out = run(server, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n");
    CHECK_EQ(out.size() - 1, out.find('\n'));
}

TEST("the last line needs no end") {
    FakeServer server;
    server.answers["ping"] = {200, R"({"jsonrpc":"2.0","id":1,"result":{}})"};
    CHECK(run(server, R"({"jsonrpc":"2.0","id":1,"method":"ping"})").find("result") != std::string::npos);
}

TEST("a request that takes long does not hold up the next") {
    FakeServer server;
    server.held = {"slow"};
    server.answers["ping"] = {200, R"({"jsonrpc":"2.0","id":2,"result":{}})"};
    server.answers["slow"] = {200, R"({"jsonrpc":"2.0","id":1,"result":{}})"};
    const std::string out = run(server, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"slow\"}\n{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"ping\"}\n");
    for (const char* answer : {"\"id\":1,\"result\"", "\"id\":2,\"result\""}) CHECK_MESSAGE(out, out.find(answer) != std::string::npos);
}

TEST("a cancelled request is not answered, whether it was sent already or not") {
    FakeServer server;
    server.held = {"slow"};
    server.answers["ping"] = {200, R"({"jsonrpc":"2.0","id":2,"result":{}})"};
    server.answers["slow"] = {200, R"({"jsonrpc":"2.0","id":1,"result":{}})"};
    const std::string out = run(server, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"slow\"}\n"
                                        "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":1}}\n"
                                        "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"ping\"}\n");
    CHECK_MESSAGE(out, out.find("\"id\":1") == std::string::npos);
    CHECK_MESSAGE(out, out.find("\"id\":2") != std::string::npos);
}

TEST("the revision that initialize settled goes with what follows, a message's own before it") {
    FakeServer server;
    server.answers["initialize"] = {200, R"({"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-06-18"}})"};
    cli::McpBridge::Limits limits;
    limits.connections = 1;  // in order
    run(server, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\"}\n{\"jsonrpc\":\"2.0\",\"method\":\"a\"}\n"
                "{\"jsonrpc\":\"2.0\",\"method\":\"b\",\"params\":{\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\"}}}\n",
        limits);
    CHECK_TEXT("", headerOf(server.calls[0], "MCP-Protocol-Version"));
    CHECK_TEXT("2025-06-18", headerOf(server.calls[1], "MCP-Protocol-Version"));
    CHECK_TEXT("2026-07-28", headerOf(server.calls[2], "MCP-Protocol-Version"));
    CHECK_TEXT("b", headerOf(server.calls[2], "Mcp-Method"));
}
