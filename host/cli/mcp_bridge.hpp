// The stdio side of MCP: lines of JSON-RPC from an agent to a server's /mcp, and its answers back as they come.
//
// It knows of a message what it takes to bring it there and back: its id, whether it calls a tool, the revision it needs in
// the headers. Everything else is the server's. One reader, a few connections, one writer at a time.
#pragma once

#include "cli/command.hpp"
#include "cli/transport.hpp"
#include "json/json.hpp"

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace engram::cli {

class McpBridge {
public:
    struct Limits {
        size_t connections = 8;            // messages under way at once
        size_t waiting = 256;              // beyond, the agent is not read from
        size_t line_bytes = 64u << 20;     // a longer line is refused and skipped
    };

    // `first` is one connection; others are made from it as they are needed. `endpoint` is path and query.
    McpBridge(std::unique_ptr<Transport> first, Streams streams, Limits limits, std::string endpoint = "/mcp");
    ~McpBridge();

    // Returns a sysexits code once the input has ended and everything that was under way is answered.
    int run();

private:
    struct Line {
        std::string text;
        std::vector<std::string> ids;  // JSON text of the requests in it
        std::string method, name;      // of a single message
        std::string revision;          // what a modern message says of itself
        bool batch = false;
    };

    enum class Read { Line, TooLong, End };
    Read readLine(std::string& line);
    void accept(std::string text);
    bool cancel(const json::Value& message);
    void enqueue(Line line);
    void work();
    void forward(Transport& transport, const Line& line);
    Call callOf(const Line& line);
    void deliver(const Line& line, const Answer& answer);
    void fail(const Line& line, int code, const std::string& message, const std::string& data);
    void learnRevision(const json::Value& answer);
    bool wanted(const std::string& id);
    void print(std::string_view line);
    void complain(const std::string& why);

    const std::unique_ptr<Transport> first_;
    Streams streams_;
    const Limits limits_;
    const std::string key_prefix_;
    const std::string endpoint_;

    std::mutex mutex_;
    std::condition_variable wake_, room_;
    std::deque<Line> lines_;
    size_t idle_ = 0;
    uint64_t keys_ = 0;
    enum class Phase { Reading, Ending } phase_ = Phase::Reading;
    std::set<std::string> under_way_, cancelled_;  // ids
    std::string negotiated_;
    std::vector<std::thread> workers_;
    std::mutex out_mutex_;
};

}  // namespace engram::cli
