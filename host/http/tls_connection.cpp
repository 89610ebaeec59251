#include "http/tls_connection.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <climits>

namespace engram::http {

TlsConnection::TlsConnection(std::shared_ptr<const TlsContext> context, int descriptor)
    : context_(std::move(context)), ssl_(SSL_new(context_->native())) {
    if (!ssl_ || SSL_set_fd(ssl_, descriptor) != 1) failed_ = true;
    else SSL_set_accept_state(ssl_);
}

TlsConnection::~TlsConnection() { SSL_free(ssl_); }

TlsConnection::Outcome TlsConnection::outcomeOf(int result) {
    switch (SSL_get_error(ssl_, result)) {
        case SSL_ERROR_WANT_READ: return Outcome::WantRead;
        case SSL_ERROR_WANT_WRITE: return Outcome::WantWrite;
        case SSL_ERROR_ZERO_RETURN: return Outcome::Ended;
        default: break;
    }
    failed_ = true;  // after a fatal error SSL_shutdown must not be called
    for (unsigned long code = ERR_get_error(); code != 0; code = ERR_get_error())
        if (ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) == SSL_R_HTTP_REQUEST) spoke_http_ = true;
    return Outcome::Failed;
}

TlsConnection::Outcome TlsConnection::handshake() {
    const std::lock_guard lock(mutex_);
    if (failed_) return Outcome::Failed;
    ERR_clear_error();
    const int result = SSL_do_handshake(ssl_);
    if (result != 1) {
        const Outcome outcome = outcomeOf(result);
        return outcome == Outcome::Ended ? Outcome::Failed : outcome;
    }
    ready_ = true;
    return Outcome::Done;
}

bool TlsConnection::holdsBytes() {
    const std::lock_guard lock(mutex_);
    return !failed_ && SSL_has_pending(ssl_) == 1;
}

TlsConnection::Transfer TlsConnection::receive(char* into, size_t size) {
    const std::lock_guard lock(mutex_);
    if (failed_) return {Outcome::Failed, 0};
    ERR_clear_error();
    const int n = SSL_read(ssl_, into, static_cast<int>(std::min<size_t>(size, INT_MAX)));
    if (n > 0) return {Outcome::Done, static_cast<size_t>(n)};
    return {outcomeOf(n), 0};
}

TlsConnection::Transfer TlsConnection::send(const char* from, size_t size) {
    const std::lock_guard lock(mutex_);
    size_t sent = 0;
    while (sent < size) {
        if (failed_) return {Outcome::Failed, sent};
        ERR_clear_error();
        const int n = SSL_write(ssl_, from + sent, static_cast<int>(std::min<size_t>(size - sent, INT_MAX)));
        if (n <= 0) return {outcomeOf(n), sent};
        sent += static_cast<size_t>(n);
    }
    return {Outcome::Done, sent};
}

void TlsConnection::endSending() {
    const std::lock_guard lock(mutex_);
    if (!ready_ || failed_ || SSL_get_shutdown(ssl_) & SSL_SENT_SHUTDOWN) return;
    ERR_clear_error();
    SSL_shutdown(ssl_);
    ERR_clear_error();
}

}  // namespace engram::http
