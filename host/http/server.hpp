// The HTTP/1.1 server: io threads ("shards"), listeners and their handlers.
//
// One acceptor a listener deals connections to the shard with the fewest. All functions from the thread that started it,
// but for stats().
#pragma once

#include "http/handler.hpp"
#include "http/policy.hpp"
#include "http/tls_context.hpp"

#include <engram/cpp/result.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace engram::http {

struct Stats {
    std::atomic<uint64_t> connections{0};  // open now
    std::atomic<uint64_t> accepted{0};
    std::atomic<uint64_t> refused_connections{0};  // over a limit, or a foreign user on the local socket
};

class Server {
public:
    struct Options {
        unsigned io_threads = 0;  // 0 = one a core
        Policy policy;
        // A request that was refused before a handler saw it: error code and peer. [io thread]
        std::function<void(std::string_view code, const Peer& peer)> on_refused;
    };

    explicit Server(Options options);
    Server(const Server&) = delete;
    ~Server();

    // HOST:PORT, port 0 picks a free one; the result is the bound HOST:PORT. Connections speak TLS while `tls` has a
    // context; nullptr = never.
    Result<std::string> listen(const std::string& address, Handler& handler, std::shared_ptr<const TlsSlot> tls = nullptr);
    // A Unix socket (mode 0600) for processes of our own user; a stale file is replaced.
    Result<void> listenLocal(const std::string& path, Handler& handler);
    void start();
    // From the next request of each connection on. [any thread, while the server runs]
    void setPolicy(Policy policy);

    // Accepts nothing more, lets requests under way finish until the deadline, closes idle connections, stops.
    void drain(std::chrono::milliseconds deadline);

    const Stats& stats() const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace engram::http
