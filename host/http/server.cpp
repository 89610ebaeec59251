#include "http/server.hpp"

#include "http/session.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <charconv>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>
#include <unordered_map>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace engram::http {

namespace asio = boost::asio;

namespace {

constexpr int kBacklog = 1024;
constexpr int kAcceptsATurn = 32;

Error cannotListen(const std::string& address, const std::string& why) {
    return {"unavailable", "cannot listen on " + address + ": " + why, "choose another address, or stop what uses it", ""};
}

struct HostPort {
    std::string host;
    uint16_t port = 0;
};

Result<HostPort> split(const std::string& address) {
    const size_t colon = address.rfind(':');
    HostPort out;
    unsigned port = 0;
    if (colon == std::string::npos) return cannotListen(address, "it has no port");
    const auto [end, failed] = std::from_chars(address.data() + colon + 1, address.data() + address.size(), port);
    if (failed != std::errc() || end != address.data() + address.size() || port > 65535)
        return cannotListen(address, "the port is not a number up to 65535");
    out.port = static_cast<uint16_t>(port);
    out.host = address.substr(0, colon);
    if (out.host.starts_with('[') && out.host.ends_with(']')) out.host = out.host.substr(1, out.host.size() - 2);
    if (out.host == "localhost") out.host = "127.0.0.1";
    return out;
}

// A descriptor for each connection: the soft limit of many systems is 1,024.
void raiseFileLimit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

std::string addressOf(const sockaddr_storage& storage) {
    char text[INET6_ADDRSTRLEN] = {};
    if (storage.ss_family == AF_INET)
        inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in&>(storage).sin_addr, text, sizeof text);
    else if (storage.ss_family == AF_INET6)
        inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6&>(storage).sin6_addr, text, sizeof text);
    return text;
}

}  // namespace

struct Server::Impl {
    // A listening socket; waits on the first shard and deals what comes to the shard with the fewest connections.
    struct Listener {
        Listener(Impl& owner, int fd, Peer::Kind kind_of_peer, Handler& h)
            : impl(owner), descriptor(fd), kind(kind_of_peer), handler(h), retry(owner.shards.front()->io) {}
        Impl& impl;
        int descriptor;
        Peer::Kind kind;
        Handler& handler;
        std::unique_ptr<asio::basic_stream_socket<asio::generic::stream_protocol, asio::io_context::executor_type>> wait;
        asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>,
                                   asio::io_context::executor_type>
            retry;
    };
    using Timer = asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>,
                                             asio::io_context::executor_type>;

    Options options;
    Stats stats;
    std::vector<std::unique_ptr<Shard>> shards;
    std::vector<std::unique_ptr<Timer>> sweepers;
    std::vector<asio::executor_work_guard<asio::io_context::executor_type>> guards;
    std::vector<std::unique_ptr<Listener>> listeners;
    std::vector<std::thread> threads;
    std::vector<std::string> local_paths;
    std::mutex peers_mutex;
    std::condition_variable all_closed;
    std::unordered_map<std::string, size_t> peers;
    std::atomic<bool> draining{false};

    void accept(Listener& listener);
    void take(Listener& listener, int fd, const sockaddr_storage& from);
    bool admit(const Peer& peer);
    void closed(const Peer& peer);
    void sweep(size_t shard);
};

Server::Server(Options options) : impl_(std::make_unique<Impl>()) {
    raiseFileLimit();
    impl_->options = std::move(options);
    unsigned threads = impl_->options.io_threads;
    if (threads == 0) threads = std::max(1u, std::thread::hardware_concurrency());
    for (unsigned i = 0; i < threads; ++i) {
        impl_->shards.push_back(std::make_unique<Shard>(impl_->options.limits, impl_->options.on_refused,
                                                        [impl = impl_.get()](const Peer& peer) { impl->closed(peer); }));
        impl_->guards.emplace_back(impl_->shards.back()->io.get_executor());
        impl_->sweepers.push_back(std::make_unique<Impl::Timer>(impl_->shards.back()->io));
    }
}

Server::~Server() { drain(std::chrono::milliseconds(0)); }

const Stats& Server::stats() const { return impl_->stats; }

Result<std::string> Server::listen(const std::string& address, Handler& handler) {
    auto where = split(address);
    if (!where) return where.error();
    sockaddr_storage storage{};
    socklen_t size = 0;
    if (where->host.find(':') != std::string::npos) {
        auto& v6 = reinterpret_cast<sockaddr_in6&>(storage);
        v6.sin6_family = AF_INET6;
        v6.sin6_port = htons(where->port);
        size = sizeof v6;
        if (inet_pton(AF_INET6, where->host.c_str(), &v6.sin6_addr) != 1)
            return cannotListen(address, "not an IP address");
    } else {
        auto& v4 = reinterpret_cast<sockaddr_in&>(storage);
        v4.sin_family = AF_INET;
        v4.sin_port = htons(where->port);
        size = sizeof v4;
        if (inet_pton(AF_INET, where->host.c_str(), &v4.sin_addr) != 1)
            return cannotListen(address, "not an IP address");
    }
    const int fd = socket(storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return cannotListen(address, std::strerror(errno));
    const int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, reinterpret_cast<sockaddr*>(&storage), size) != 0 || ::listen(fd, kBacklog) != 0) {
        const std::string why = std::strerror(errno);
        close(fd);
        return cannotListen(address, why);
    }
    socklen_t bound_size = sizeof storage;
    getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &bound_size);
    const uint16_t port = ntohs(storage.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6&>(storage).sin6_port
                                                              : reinterpret_cast<sockaddr_in&>(storage).sin_port);
    impl_->listeners.push_back(std::make_unique<Impl::Listener>(*impl_, fd, Peer::Kind::Tcp, handler));
    const std::string host = storage.ss_family == AF_INET6 ? "[" + where->host + "]" : where->host;
    return host + ":" + std::to_string(port);
}

Result<void> Server::listenLocal(const std::string& path, Handler& handler) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return cannotListen(path, "the path is too long");
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return cannotListen(path, std::strerror(errno));
    // The caller holds the data directory's lock, so a socket that is there has no server behind it.
    unlink(path.c_str());
    const mode_t before = umask(0177);
    const int bound = bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address);
    umask(before);
    if (bound != 0 || ::listen(fd, kBacklog) != 0) {
        const std::string why = std::strerror(errno);
        close(fd);
        return cannotListen(path, why);
    }
    impl_->listeners.push_back(std::make_unique<Impl::Listener>(*impl_, fd, Peer::Kind::LocalSocket, handler));
    impl_->local_paths.push_back(path);
    return {};
}

void Server::start() {
    for (size_t i = 0; i < impl_->shards.size(); ++i) {
        impl_->sweep(i);
        impl_->threads.emplace_back([this, i] { impl_->shards[i]->io.run(); });
        pthread_setname_np(impl_->threads.back().native_handle(), ("io-" + std::to_string(i)).c_str());
    }
    for (auto& listener : impl_->listeners) {
        auto& io = impl_->shards.front()->io;
        const auto protocol = listener->kind == Peer::Kind::Tcp ? asio::generic::stream_protocol(AF_INET, IPPROTO_TCP)
                                                                : asio::generic::stream_protocol(AF_UNIX, 0);
        listener->wait = std::make_unique<Session::Socket>(io, protocol, listener->descriptor);
        asio::post(io, [this, raw = listener.get()] { impl_->accept(*raw); });
    }
}

void Server::Impl::sweep(size_t i) {
    sweepers[i]->expires_after(options.limits.sweep);
    sweepers[i]->async_wait([this, i](boost::system::error_code error) {
        if (error) return;
        shards[i]->sweep(Session::Clock::now());
        sweep(i);
    });
}

void Server::Impl::accept(Listener& listener) {
    listener.wait->async_wait(Session::Socket::wait_read, [this, &listener](boost::system::error_code error) {
        if (error || draining) return;
        for (int i = 0; i < kAcceptsATurn; ++i) {
            sockaddr_storage from{};
            socklen_t size = sizeof from;
            const int fd = accept4(listener.descriptor, reinterpret_cast<sockaddr*>(&from), &size,
                                   SOCK_NONBLOCK | SOCK_CLOEXEC);
            if (fd >= 0) {
                take(listener, fd, from);
                continue;
            }
            if (errno == EINTR || errno == ECONNABORTED) continue;
            if (errno == EAGAIN || errno == EWOULDBLOCK) break;
            // Out of descriptors or memory: asking again at once would spin.
            listener.retry.expires_after(std::chrono::milliseconds(100));
            listener.retry.async_wait([this, &listener](boost::system::error_code e) {
                if (!e) accept(listener);
            });
            return;
        }
        accept(listener);
    });
}

bool Server::Impl::admit(const Peer& peer) {
    const Limits& limits = options.limits;
    if (stats.connections.load(std::memory_order_relaxed) >= limits.connections) return false;
    if (peer.kind == Peer::Kind::LocalSocket) return peer.uid == geteuid();
    std::lock_guard lock(peers_mutex);
    size_t& open = peers[peer.address];
    if (open >= limits.connections_per_peer) return false;
    ++open;
    return true;
}

void Server::Impl::closed(const Peer& peer) {
    std::lock_guard lock(peers_mutex);
    if (peer.kind == Peer::Kind::Tcp)
        if (auto it = peers.find(peer.address); it != peers.end() && --it->second == 0) peers.erase(it);
    stats.connections.fetch_sub(1);
    all_closed.notify_all();
}

void Server::Impl::take(Listener& listener, int fd, const sockaddr_storage& from) {
    Peer peer;
    peer.kind = listener.kind;
    if (listener.kind == Peer::Kind::LocalSocket) {
        ucred credentials{};
        socklen_t size = sizeof credentials;
        getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size);
        peer.uid = credentials.uid;
    } else {
        peer.address = addressOf(from);
        const int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    if (!admit(peer)) {
        stats.refused_connections.fetch_add(1, std::memory_order_relaxed);
        const bool foreign = peer.kind == Peer::Kind::LocalSocket && peer.uid != geteuid();
        const std::string_view answer =
            foreign ? "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                    : "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        ::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        close(fd);
        return;
    }
    stats.connections.fetch_add(1);
    stats.accepted.fetch_add(1, std::memory_order_relaxed);
    Shard* shard = shards.front().get();
    for (const auto& candidate : shards)
        if (candidate->load.load(std::memory_order_relaxed) < shard->load.load(std::memory_order_relaxed))
            shard = candidate.get();
    shard->load.fetch_add(1, std::memory_order_relaxed);
    const int family = peer.kind == Peer::Kind::LocalSocket ? AF_UNIX : from.ss_family;
    asio::post(shard->io, [shard, fd, family, peer = std::move(peer), &handler = listener.handler]() mutable {
        const int protocol = family == AF_UNIX ? 0 : IPPROTO_TCP;
        Session::Socket socket(shard->io, asio::generic::stream_protocol(family, protocol), fd);
        boost::system::error_code ignored;
        socket.non_blocking(true, ignored);
        shard->adopt(std::make_shared<Session>(*shard, std::move(socket), std::move(peer), handler));
    });
}

void Server::drain(std::chrono::milliseconds deadline) {
    if (impl_->draining.exchange(true)) return;
    for (auto& listener : impl_->listeners)
        if (listener->wait)
            asio::post(impl_->shards.front()->io, [raw = listener.get()] {
                boost::system::error_code ignored;
                raw->retry.cancel();
                raw->wait->close(ignored);
            });
        else close(listener->descriptor);
    for (auto& shard : impl_->shards) {
        shard->draining.store(true);
        asio::post(shard->io, [raw = shard.get()] { raw->sweep(Session::Clock::now()); });
    }
    {
        std::unique_lock lock(impl_->peers_mutex);
        impl_->all_closed.wait_for(lock, deadline, [this] { return impl_->stats.connections.load() == 0; });
    }
    for (size_t i = 0; i < impl_->shards.size(); ++i)
        asio::post(impl_->shards[i]->io, [this, i] {
            impl_->sweepers[i]->cancel();
            auto sessions = impl_->shards[i]->sessions;
            for (auto& session : sessions) session->close();
            impl_->guards[i].reset();
            impl_->shards[i]->io.stop();
        });
    for (std::thread& thread : impl_->threads) thread.join();
    impl_->threads.clear();
    for (const std::string& path : impl_->local_paths) unlink(path.c_str());
}

}  // namespace engram::http
