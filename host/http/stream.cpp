#include "http/stream.hpp"

namespace engram::http {

namespace asio = boost::asio;
using Outcome = TlsConnection::Outcome;

Stream::Stream(Socket socket, std::shared_ptr<const TlsContext> context) : socket_(std::move(socket)) {
    if (context) tls_ = std::make_unique<TlsConnection>(std::move(context), socket_.native_handle());
}

template <class F>
void Stream::wait(Outcome wanted, F then) {
    socket_.async_wait(wanted == Outcome::WantRead ? Socket::wait_read : Socket::wait_write,
                       [this, then = std::move(then)](boost::system::error_code error) mutable {
                           // Once closed, the descriptor's number may belong to another connection.
                           if (!error && !socket_.is_open()) error = asio::error::operation_aborted;
                           then(error);
                       });
}

void Stream::handshake(std::function<void(boost::system::error_code)> done) {
    const Outcome outcome = tls_->handshake();
    if (outcome == Outcome::Done) return done({});
    if (outcome == Outcome::Failed || outcome == Outcome::Ended) return done(asio::error::connection_aborted);
    wait(outcome, [this, done = std::move(done)](boost::system::error_code error) mutable {
        if (error) return done(error);
        handshake(std::move(done));
    });
}

void Stream::receiveTls(char* into, size_t size, Done done, Turn turn) {
    // Between requests there is nothing yet: to wait at once saves a call that would say so.
    const auto got = turn == Turn::First && !tls_->holdsBytes() ? TlsConnection::Transfer{Outcome::WantRead, 0}
                                                                : tls_->receive(into, size);
    if (got.outcome == Outcome::WantRead || got.outcome == Outcome::WantWrite)
        return wait(got.outcome, [this, into, size, done = std::move(done)](boost::system::error_code error) mutable {
            if (error) return done(error, 0);
            receiveTls(into, size, std::move(done), Turn::Later);
        });
    boost::system::error_code error;
    if (got.outcome == Outcome::Ended) error = asio::error::eof;
    if (got.outcome == Outcome::Failed) error = asio::error::connection_reset;
    if (turn == Turn::Later) return done(error, got.bytes);
    asio::post(socket_.get_executor(), [done = std::move(done), error, n = got.bytes] { done(error, n); });
}

void Stream::sendTls(const char* from, size_t size, Done done) {
    const auto sent = tls_->send(from, size);
    if (sent.bytes == 0 && (sent.outcome == Outcome::WantRead || sent.outcome == Outcome::WantWrite))
        return wait(sent.outcome, [this, from, size, done = std::move(done)](boost::system::error_code error) mutable {
            if (error) return done(error, 0);
            sendTls(from, size, std::move(done));
        });
    boost::system::error_code error;
    if (sent.outcome == Outcome::Failed || sent.outcome == Outcome::Ended) error = asio::error::connection_reset;
    asio::post(socket_.get_executor(), [done = std::move(done), error, n = sent.bytes] { done(error, n); });
}

Stream::Sent Stream::trySendTls(const char* from, size_t size) {
    const auto sent = tls_->send(from, size);
    const bool broken = sent.outcome == Outcome::Failed || sent.outcome == Outcome::Ended;
    return {sent.bytes, broken ? Sent::State::Broken : Sent::State::Open};
}

void Stream::endSending() {
    if (tls_) tls_->endSending();
    boost::system::error_code ignored;
    socket_.shutdown(Socket::shutdown_send, ignored);
}

void Stream::shutDown() {
    if (tls_ && socket_.is_open()) tls_->endSending();
    boost::system::error_code ignored;
    socket_.shutdown(Socket::shutdown_both, ignored);
}

void Stream::close() {
    boost::system::error_code ignored;
    socket_.close(ignored);
}

}  // namespace engram::http
