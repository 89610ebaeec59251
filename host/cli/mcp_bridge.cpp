#include "cli/mcp_bridge.hpp"

#include "cli/client.hpp"
#include "mcp/json_rpc.hpp"

#include <algorithm>
#include <cstdlib>

#include <sys/random.h>
#include <sysexits.h>

namespace engram::cli {
namespace {

constexpr std::string_view kRevisionClaim = "io.modelcontextprotocol/protocolVersion";

std::string randomPrefix() {
    unsigned char random[16];
    if (getrandom(random, sizeof random, 0) != static_cast<ssize_t>(sizeof random)) std::abort();
    std::string prefix = "mcp-";
    for (unsigned char byte : random) {
        prefix.push_back("0123456789abcdef"[byte >> 4]);
        prefix.push_back("0123456789abcdef"[byte & 15]);
    }
    return prefix + "-";
}

// Visible ASCII may stand in a header as it is.
bool plain(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7F; });
}

std::string claimOf(const json::Value* params) {
    const json::Value* meta = params ? json::find(*params, "_meta") : nullptr;
    const json::Value* claim = meta ? json::find(*meta, kRevisionClaim) : nullptr;
    return claim && claim->IsString() ? std::string(json::view(*claim)) : std::string();
}

}  // namespace

McpBridge::McpBridge(std::unique_ptr<Transport> first, Streams streams, Limits limits, std::string endpoint)
    : first_(std::move(first)), streams_(streams), limits_(limits), key_prefix_(randomPrefix()), endpoint_(std::move(endpoint)) {}

McpBridge::~McpBridge() {
    for (std::thread& worker : workers_)
        if (worker.joinable()) worker.join();
}

int McpBridge::run() {
    std::string line;
    for (Read read; (read = readLine(line)) != Read::End;) {
        if (read == Read::TooLong) {
            fail({}, mcp::kInvalidRequest, "the line is over " + std::to_string(limits_.line_bytes) + " bytes", "");
            continue;
        }
        if (line.find_first_not_of(" \t\r") != std::string::npos) accept(std::move(line));
    }
    {
        std::lock_guard lock(mutex_);
        phase_ = Phase::Ending;
    }
    wake_.notify_all();
    for (std::thread& worker : workers_) worker.join();
    return streams_.out ? EX_OK : EX_IOERR;
}

McpBridge::Read McpBridge::readLine(std::string& line) {
    line.clear();
    bool too_long = false;
    std::streambuf& in = *streams_.in.rdbuf();
    while (true) {
        const int c = in.sbumpc();
        const bool end = c == std::char_traits<char>::eof();
        if (end && line.empty()) return Read::End;
        if (end || c == '\n') return too_long ? Read::TooLong : Read::Line;
        if (line.size() < limits_.line_bytes) line.push_back(static_cast<char>(c));
        else too_long = true;
    }
}

// Takes from a line what its way needs; a line that is not JSON goes as it is, for the server to say so.
void McpBridge::accept(std::string text) {
    Line line;
    if (auto parsed = json::parse(text)) {
        line.batch = parsed->IsArray();
        const auto take = [&](const json::Value& value) {
            const mcp::Message message = mcp::readMessage(value);
            if (message.kind == mcp::Message::Kind::Request || message.kind == mcp::Message::Kind::Invalid)
                if (!message.id.empty()) line.ids.push_back(message.id);
            if (line.batch) return;
            line.method = message.method;
            line.revision = claimOf(message.params);
            const json::Value* name = message.params ? json::find(*message.params, "name") : nullptr;
            if (name && name->IsString()) line.name = json::view(*name);
        };
        if (line.batch)
            for (const auto& value : parsed->GetArray()) take(value);
        else take(*parsed);
        if (line.method == "notifications/cancelled" && cancel(*parsed)) return;
    }
    line.text = std::move(text);
    enqueue(std::move(line));
}

// A request that waits is not sent; one under way is done all the same, but no longer answered.
bool McpBridge::cancel(const json::Value& message) {
    const json::Value* params = json::find(message, "params");
    const json::Value* id = params ? json::find(*params, "requestId") : nullptr;
    if (!id) return false;
    const std::string text = json::write(*id);
    std::lock_guard lock(mutex_);
    const auto waits = std::ranges::find_if(lines_, [&](const Line& line) {
        return line.ids.size() == 1 && line.ids.front() == text && line.method != "initialize";
    });
    if (waits != lines_.end()) lines_.erase(waits);
    else if (under_way_.count(text)) cancelled_.insert(text);
    return true;
}

void McpBridge::enqueue(Line line) {
    std::unique_lock lock(mutex_);
    room_.wait(lock, [this] { return lines_.size() < limits_.waiting; });
    lines_.push_back(std::move(line));
    if (idle_ < lines_.size() && workers_.size() < limits_.connections) workers_.emplace_back([this] { work(); });
    lock.unlock();
    wake_.notify_one();
}

void McpBridge::work() {
    const std::unique_ptr<Transport> transport = first_->another();
    std::unique_lock lock(mutex_);
    while (true) {
        ++idle_;
        wake_.wait(lock, [this] { return !lines_.empty() || phase_ == Phase::Ending; });
        --idle_;
        if (lines_.empty()) return;
        Line line = std::move(lines_.front());
        lines_.pop_front();
        under_way_.insert(line.ids.begin(), line.ids.end());
        lock.unlock();
        room_.notify_one();
        forward(*transport, line);
        lock.lock();
        for (const std::string& id : line.ids) {
            under_way_.erase(id);
            cancelled_.erase(id);
        }
    }
}

Call McpBridge::callOf(const Line& line) {
    Call call{"POST", endpoint_, line.text, {{"Accept", "application/json, text/event-stream"}}};
    std::lock_guard lock(mutex_);
    const std::string& revision = line.revision.empty() ? negotiated_ : line.revision;
    if (plain(revision)) call.headers.emplace_back("MCP-Protocol-Version", revision);
    if (!line.revision.empty()) {
        if (plain(line.method)) call.headers.emplace_back("Mcp-Method", line.method);
        if (line.method == "tools/call" && plain(line.name)) call.headers.emplace_back("Mcp-Name", line.name);
    }
    // Its own for every message: should the server end before it answers, the message is sent again and done once.
    call.headers.emplace_back("Idempotency-Key", key_prefix_ + std::to_string(++keys_));
    return call;
}

void McpBridge::forward(Transport& transport, const Line& line) {
    const auto answer = transport.send(callOf(line));
    if (answer) return deliver(line, *answer);
    complain(answer.error().message);
    fail(line, mcp::kInternalError, answer.error().message, "{\"hint\":" + mcp::quoted(answer.error().hint) + "}");
}

void McpBridge::deliver(const Line& line, const Answer& answer) {
    if (answer.body.empty()) {
        if (!line.ids.empty()) fail(line, mcp::kInternalError, "the server answered nothing, with status " + std::to_string(answer.status), "");
        return;
    }
    const auto parsed = json::parse(answer.body, 256);
    if (!parsed) return fail(line, mcp::kInternalError, "the server's answer is not JSON", "");
    if (!parsed->IsArray() && !json::find(*parsed, "jsonrpc")) {
        // A problem document (RFC 9457): refused before the message was looked at.
        std::string why = text(*parsed, "detail");
        if (why.empty()) why = "the server answered with status " + std::to_string(answer.status);
        complain(why);
        return fail(line, mcp::kInternalError, why, json::write(*parsed));
    }
    if (line.method == "initialize") learnRevision(*parsed);
    if (line.ids.size() != 1 || wanted(line.ids.front())) print(answer.body);
}

void McpBridge::learnRevision(const json::Value& answer) {
    const json::Value* result = json::find(answer, "result");
    if (!result) return;
    std::lock_guard lock(mutex_);
    negotiated_ = text(*result, "protocolVersion");
}

bool McpBridge::wanted(const std::string& id) {
    std::lock_guard lock(mutex_);
    return !cancelled_.count(id);
}

void McpBridge::fail(const Line& line, int code, const std::string& message, const std::string& data) {
    std::vector<std::string> replies;
    for (const std::string& id : line.ids) {
        mcp::Message request;
        request.id = id;
        if (wanted(id)) replies.push_back(mcp::errorReply(request, code, message, data));
    }
    if (line.ids.empty() && line.method.empty()) replies.push_back(mcp::errorReply({}, code, message, data));
    if (replies.empty()) return;
    std::string out = line.batch ? "[" : "";
    for (const std::string& reply : replies) out += (out.size() > 1 ? "," : "") + reply;
    print(out + (line.batch ? "]" : ""));
}

void McpBridge::print(std::string_view line) {
    std::string whole(line);
    std::ranges::replace(whole, '\n', ' ');  // between tokens only: within text it is escaped
    whole.push_back('\n');
    std::lock_guard lock(out_mutex_);
    streams_.out << whole << std::flush;
}

// For the person who reads the client's log.
void McpBridge::complain(const std::string& why) {
    std::lock_guard lock(out_mutex_);
    streams_.err << "engram: " << why << std::endl;
}

}  // namespace engram::cli
