// One connection: reads requests, hands them to the handler, writes answers, one request at a time.
//
// Runs on its shard's thread, but for answer(), which may run on any: it writes to the socket itself, and what is left
// goes back to the shard. Private to the room.
#pragma once

#include "http/handler.hpp"
#include "http/policy.hpp"
#include "http/request_parser.hpp"
#include "http/stream.hpp"

#include <boost/asio/io_context.hpp>

#include <atomic>
#include <chrono>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <vector>

namespace engram::http {

class Shard;

class Session : public std::enable_shared_from_this<Session> {
public:
    using Clock = std::chrono::steady_clock;
    using Socket = Stream::Socket;

    // With a TLS context the connection begins with a handshake.
    Session(Shard& shard, Socket socket, Peer peer, Handler& handler, std::shared_ptr<const TlsContext> tls = nullptr);
    ~Session();

    void start();
    // Closes what has passed its deadline; with `draining` also what is idle. [shard]
    enum class Sweep { Normal, Draining };
    void sweep(Clock::time_point now, Sweep how);
    void close();

    const Peer& peer() const { return peer_; }
    std::list<std::shared_ptr<Session>>::iterator place;  // in the shard's list

    // For Exchange.
    const Request& request() const { return request_; }
    std::shared_ptr<Handler> pinned;  // goes on with the request; outlives what is attached
    std::unique_ptr<Attachment> attachment;
    std::vector<std::pair<std::string_view, std::string>> headers;  // of the answer to come
    bool failed() const { return failed_.load(std::memory_order_relaxed); }
    void answer(Response response);
    void wantBody(uint64_t max_body);

private:
    enum class Phase { Handshake, Head, Handling, Body, Discarding, Lingering, Closed };
    // Ownership of the request while a handler has it: the io thread only buffers then.
    enum : uint8_t { kBusy = 1, kPending = 2 };

    void shakeHands();
    void adoptPolicy();
    bool readForwarding();
    void forget();
    void read();
    void onReadOrOutOfMemory(size_t n);
    void onRead(size_t n);
    void onEnd();
    void proceed();
    bool parseHead();
    bool parseBody();
    bool discardBody();
    void refuse(const Refusal& refusal);
    void startBody();
    void hand(void (Handler::*half)(Exchange));
    void write(Response& response);
    void writeRest();
    void afterAnswer();
    void finishAnswer();
    void nextRequest();
    void linger();
    void answerOverdue();
    void setDeadline(std::chrono::milliseconds from_now);

    Shard& shard_;
    Stream stream_;
    const Peer peer_;
    Handler& handler_;
    std::shared_ptr<const Policy> policy_;  // of the request under way
    Limits limits_;                         // the policy's; the parser has a reference to this copy
    bool from_proxy_ = false;
    RequestParser parser_;
    Request request_;
    std::vector<char> buffer_;
    size_t begin_ = 0, end_ = 0;  // received and not yet parsed
    std::atomic<Phase> phase_{Phase::Head};  // whoever owns the request sets it; the shard looks for Closed at any time
    std::atomic<uint8_t> owner_{0};
    std::atomic<bool> failed_{false};
    std::atomic<bool> answered_{false};  // whoever sets it may write the answer
    std::atomic<int64_t> deadline_{INT64_MAX};  // steady clock, ns
    std::atomic<bool> closing_{false};
    bool reading_ = false, ended_ = false, writing_ = false, body_read_ = false;
    uint64_t max_body_ = 0;
    size_t served_ = 0, discarded_ = 0;
    Clock::time_point body_since_{};
    size_t body_bytes_ = 0;
    std::string out_;
    size_t out_sent_ = 0;
};

// One io thread with its sessions. Private to the room.
class Shard {
public:
    Shard(std::shared_ptr<const Policy> policy, std::function<void(std::string_view, const Peer&)> on_refused,
          std::function<void(const Peer&)> on_closed)
        : io(1), policy_(std::move(policy)), on_refused_(std::move(on_refused)), on_closed_(std::move(on_closed)) {}

    const std::shared_ptr<const Policy>& policy() const { return policy_; }  // [shard]
    void setPolicy(std::shared_ptr<const Policy> policy) { policy_ = std::move(policy); }  // [shard]
    void refused(std::string_view code, const Peer& peer) {
        if (on_refused_) on_refused_(code, peer);
    }
    void closed(Session& session);
    void adopt(std::shared_ptr<Session> session);  // not started yet
    void sweep(Session::Clock::time_point now);

    boost::asio::io_context io;
    std::list<std::shared_ptr<Session>> sessions;
    std::atomic<size_t> load{0};
    std::atomic<bool> draining{false};

private:
    std::shared_ptr<const Policy> policy_;
    std::function<void(std::string_view, const Peer&)> on_refused_;
    std::function<void(const Peer&)> on_closed_;
};

}  // namespace engram::http
