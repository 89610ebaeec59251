#include "http/server.hpp"

#include "http/handler_memory.hpp"
#include "http/session.hpp"

#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <charconv>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <utility>

#include <arpa/inet.h>
#include <dirent.h>
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

size_t openDescriptors() {
    size_t n = 0;
    if (DIR* folder = opendir("/proc/self/fd")) {
        while (readdir(folder)) ++n;
        closedir(folder);
    }
    return n;
}

// A descriptor for each connection: the soft limit of many systems is 1,024. Of those that are free a quarter is left for
// files, so that connections, which anybody can open, do not keep tenants from being opened. The result is how many may be
// connected.
size_t descriptorsForConnections() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return SIZE_MAX;
    if (limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    if (limit.rlim_max == RLIM_INFINITY) return SIZE_MAX;
    const size_t open = openDescriptors();
    return limit.rlim_max > open ? static_cast<size_t>(limit.rlim_max - open) * 3 / 4 : 1;
}

// Until it is stopped. Out of memory ends the work of one turn, not the server: what owned a request has answered it.
void runShard(asio::io_context& io) {
    while (true) {
        try {
            io.run();
            return;
        } catch (const std::bad_alloc&) {
        }
    }
}

// An IPv4 peer of an IPv6 socket is told in IPv4's form, so that it is one peer however it came.
std::string addressOf(const sockaddr_storage& storage) {
    char text[INET6_ADDRSTRLEN] = {};
    if (storage.ss_family == AF_INET)
        inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in&>(storage).sin_addr, text, sizeof text);
    else if (storage.ss_family == AF_INET6)
        inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6&>(storage).sin6_addr, text, sizeof text);
    const std::string_view mapped = "::ffff:";
    return std::string_view(text).starts_with(mapped) && std::string_view(text).find('.') != std::string_view::npos
               ? text + mapped.size()
               : text;
}

// A descriptor that is closed unless somebody takes it over.
class Descriptor {
public:
    explicit Descriptor(int fd) : fd_(fd) {}
    Descriptor(Descriptor&& other) noexcept : fd_(other.release()) {}
    ~Descriptor() {
        if (fd_ >= 0) close(fd_);
    }
    int get() const { return fd_; }
    int release() { return std::exchange(fd_, -1); }

private:
    int fd_;
};

}  // namespace

struct Server::Impl {
    // A listening socket; waits on the first shard and deals what comes to the shard with the fewest connections.
    struct Listener {
        Listener(Impl& owner, int fd, Peer::Kind kind_of_peer, Handler& h, std::shared_ptr<const TlsSlot> slot = nullptr)
            : impl(owner), descriptor(fd), kind(kind_of_peer), handler(h), tls(std::move(slot)),
              retry(owner.shards.front()->io), memory(owner.memories.emplace_back()) {}
        Impl& impl;
        int descriptor;
        Peer::Kind kind;
        Handler& handler;
        std::shared_ptr<const TlsSlot> tls;
        std::unique_ptr<asio::basic_stream_socket<asio::generic::stream_protocol, asio::io_context::executor_type>> wait;
        asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>,
                                   asio::io_context::executor_type>
            retry;
        HandlerMemory& memory;  // of the wait or the retry
    };
    using Timer = asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>,
                                             asio::io_context::executor_type>;

    Options options;
    Stats stats;
    std::mutex peers_mutex;
    std::condition_variable all_closed;
    std::unordered_map<std::string, size_t> peers;
    std::deque<HandlerMemory> memories;
    // What still waits in a shard when it goes uses what stands above.
    std::vector<std::unique_ptr<Shard>> shards;
    struct Sweeper {
        Sweeper(asio::io_context& io, HandlerMemory& of) : timer(io), memory(of) {}
        Timer timer;
        HandlerMemory& memory;
    };
    std::vector<std::unique_ptr<Sweeper>> sweepers;
    std::vector<asio::executor_work_guard<asio::io_context::executor_type>> guards;
    std::vector<std::unique_ptr<Listener>> listeners;
    std::vector<std::thread> threads;
    std::vector<std::string> local_paths;
    std::atomic<bool> draining{false};

    void accept(Listener& listener);
    bool acceptSome(Listener& listener);
    void take(Listener& listener, Descriptor fd, const sockaddr_storage& from);
    bool admit(const Peer& peer);
    void closed(const Peer& peer);
    void sweep(size_t shard);

    // An admitted connection among those that are counted, until its session sees to that.
    class Counted {
    public:
        Counted(Impl& impl, Shard& shard, Peer peer) : impl_(&impl), shard_(&shard), peer_(std::move(peer)) {
            impl.stats.connections.fetch_add(1);
            impl.stats.accepted.fetch_add(1, std::memory_order_relaxed);
            shard.load.fetch_add(1, std::memory_order_relaxed);
        }
        Counted(Counted&& other) noexcept
            : impl_(std::exchange(other.impl_, nullptr)), shard_(other.shard_), peer_(std::move(other.peer_)) {}
        ~Counted() {
            if (!impl_) return;
            shard_->load.fetch_sub(1, std::memory_order_relaxed);
            impl_->closed(peer_);
        }
        const Peer& peer() const { return peer_; }
        void leave() { impl_ = nullptr; }

    private:
        Impl* impl_;
        Shard* shard_;
        Peer peer_;
    };
};

namespace {

// No more connections than there can be descriptors for.
std::shared_ptr<const Policy> withinDescriptors(Policy policy) {
    policy.limits.connections = std::min(policy.limits.connections, descriptorsForConnections());
    return std::make_shared<const Policy>(std::move(policy));
}

}  // namespace

Server::Server(Options options) : impl_(std::make_unique<Impl>()) {
    impl_->options = std::move(options);
    unsigned threads = impl_->options.io_threads;
    if (threads == 0) threads = std::max(1u, std::thread::hardware_concurrency());
    const auto policy = withinDescriptors(std::move(impl_->options.policy));
    for (unsigned i = 0; i < threads; ++i) {
        impl_->shards.push_back(std::make_unique<Shard>(policy, impl_->options.on_refused,
                                                        [impl = impl_.get()](const Peer& peer) { impl->closed(peer); }));
        impl_->guards.emplace_back(impl_->shards.back()->io.get_executor());
        impl_->sweepers.push_back(std::make_unique<Impl::Sweeper>(impl_->shards.back()->io, impl_->memories.emplace_back()));
    }
}

Server::~Server() { drain(std::chrono::milliseconds(0)); }

void Server::setPolicy(Policy policy) {
    const auto shared = withinDescriptors(std::move(policy));
    for (auto& shard : impl_->shards)
        asio::post(shard->io, [raw = shard.get(), shared] { raw->setPolicy(shared); });
}

const Stats& Server::stats() const { return impl_->stats; }

Result<std::string> Server::listen(const std::string& address, Handler& handler, std::shared_ptr<const TlsSlot> tls) {
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
    impl_->listeners.push_back(std::make_unique<Impl::Listener>(*impl_, fd, Peer::Kind::Tcp, handler, std::move(tls)));
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
    if (bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || chmod(path.c_str(), 0600) != 0 ||
        ::listen(fd, kBacklog) != 0) {
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
        impl_->threads.emplace_back([this, i] { runShard(impl_->shards[i]->io); });
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
    Sweeper& sweeper = *sweepers[i];
    sweeper.timer.expires_after(shards[i]->policy()->limits.sweep);
    auto look = [this, i](boost::system::error_code error) {
        if (error) return;
        sweep(i);  // first the next one: this one may run out of memory
        shards[i]->sweep(Session::Clock::now());
    };
    sweeper.timer.async_wait(asio::bind_allocator(sweeper.memory.allocator(), look));
}

void Server::Impl::accept(Listener& listener) {
    auto take_some = [this, &listener](boost::system::error_code error) {
        if (error || draining) return;
        if (acceptSome(listener)) return accept(listener);
        // Out of descriptors or memory: asking again at once would spin.
        listener.retry.expires_after(std::chrono::milliseconds(100));
        auto again = [this, &listener](boost::system::error_code e) {
            if (!e) accept(listener);
        };
        listener.retry.async_wait(asio::bind_allocator(listener.memory.allocator(), again));
    };
    listener.wait->async_wait(Session::Socket::wait_read, asio::bind_allocator(listener.memory.allocator(), take_some));
}

// False: not now.
bool Server::Impl::acceptSome(Listener& listener) {
    for (int i = 0; i < kAcceptsATurn; ++i) {
        sockaddr_storage from{};
        socklen_t size = sizeof from;
        const int fd = accept4(listener.descriptor, reinterpret_cast<sockaddr*>(&from), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            try {
                take(listener, Descriptor(fd), from);
            } catch (const std::bad_alloc&) {
                return false;
            }
            continue;
        }
        if (errno == EINTR || errno == ECONNABORTED) continue;
        return errno == EAGAIN || errno == EWOULDBLOCK;
    }
    return true;
}

bool Server::Impl::admit(const Peer& peer) {
    const Limits& limits = shards.front()->policy()->limits;  // connections are accepted on the first shard
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

void Server::Impl::take(Listener& listener, Descriptor fd, const sockaddr_storage& from) {
    Peer peer;
    peer.kind = listener.kind;
    if (listener.kind == Peer::Kind::LocalSocket) {
        ucred credentials{};
        socklen_t size = sizeof credentials;
        getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &credentials, &size);
        peer.uid = credentials.uid;
    } else {
        peer.address = addressOf(from);
        const int on = 1;
        setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    auto tls = listener.tls ? listener.tls->get() : nullptr;
    if (!admit(peer)) {
        stats.refused_connections.fetch_add(1, std::memory_order_relaxed);
        if (tls) return;  // no answer without a handshake, which would be the work that is refused
        const bool foreign = peer.kind == Peer::Kind::LocalSocket && peer.uid != geteuid();
        const std::string_view answer =
            foreign ? "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                    : "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        ::send(fd.get(), answer.data(), answer.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        return;
    }
    Shard* shard = shards.front().get();
    for (const auto& candidate : shards)
        if (candidate->load.load(std::memory_order_relaxed) < shard->load.load(std::memory_order_relaxed))
            shard = candidate.get();
    const int family = peer.kind == Peer::Kind::LocalSocket ? AF_UNIX : from.ss_family;
    Counted counted(*this, *shard, std::move(peer));
    asio::post(shard->io, [shard, fd = std::move(fd), family, counted = std::move(counted), tls = std::move(tls),
                           &handler = listener.handler]() mutable {
        const int protocol = family == AF_UNIX ? 0 : IPPROTO_TCP;
        Session::Socket socket(shard->io, asio::generic::stream_protocol(family, protocol), fd.release());
        boost::system::error_code ignored;
        socket.non_blocking(true, ignored);
        const auto session = std::make_shared<Session>(*shard, std::move(socket), counted.peer(), handler, std::move(tls));
        shard->adopt(session);
        counted.leave();
        session->start();
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
            impl_->sweepers[i]->timer.cancel();
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
