// The bytes of one connection: a socket, plain or with TLS on it. Private to the room.
//
// Asynchronous functions run on the shard and one of a kind at a time; trySend() on any thread. Plain sockets pay one
// comparison for the choice.
#pragma once

#include "http/tls_connection.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <cerrno>
#include <functional>
#include <memory>
#include <utility>

#include <sys/socket.h>

namespace engram::http {

class Stream {
public:
    using Socket = boost::asio::basic_stream_socket<boost::asio::generic::stream_protocol,
                                                    boost::asio::io_context::executor_type>;
    using Done = std::function<void(boost::system::error_code, size_t)>;
    struct Sent {
        size_t bytes;
        enum class State { Open, Broken } state;
    };

    // With a context the connection is TLS and begins with handshake().
    Stream(Socket socket, std::shared_ptr<const TlsContext> context);

    bool secured() const { return tls_ != nullptr; }
    // After a handshake that failed because the peer spoke HTTP: what follows is plain.
    bool peerSpokeHttp() const { return tls_ && tls_->spokeHttp(); }
    void dropTls() { tls_.reset(); }

    void handshake(std::function<void(boost::system::error_code)> done);

    // done(error, n): eof when the peer has ended its half.
    template <class F>
    void receive(char* into, size_t size, F&& done) {
        if (!tls_) return socket_.async_receive(boost::asio::buffer(into, size), std::forward<F>(done));
        receiveTls(into, size, std::forward<F>(done), Turn::First);
    }
    // What the socket takes at once.
    Sent trySend(const char* from, size_t size) {
        if (tls_) return trySendTls(from, size);
        const ssize_t n = ::send(socket_.native_handle(), from, size, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n >= 0) return {static_cast<size_t>(n), Sent::State::Open};
        const bool later = errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
        return {0, later ? Sent::State::Open : Sent::State::Broken};
    }
    // done(error, n) once some of it has been taken.
    template <class F>
    void send(const char* from, size_t size, F&& done) {
        if (!tls_) return socket_.async_send(boost::asio::buffer(from, size), std::forward<F>(done));
        sendTls(from, size, std::forward<F>(done));
    }

    void endSending();
    // Nothing can be sent or received any more, but the descriptor stays ours.
    void shutDown();
    void close();

private:
    enum class Turn { First, Later };
    void receiveTls(char* into, size_t size, Done done, Turn turn);
    void sendTls(const char* from, size_t size, Done done);
    Sent trySendTls(const char* from, size_t size);
    template <class F>
    void wait(TlsConnection::Outcome wanted, F then);

    Socket socket_;
    std::unique_ptr<TlsConnection> tls_;
};

}  // namespace engram::http
