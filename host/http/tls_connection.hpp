// TLS on one connected, non-blocking socket: what it would read or write is said, never waited for.
//
// Works on the descriptor itself, so an idle connection costs no buffers. Any thread, one at a time: a mutex keeps the
// thread that answers apart from the one that reads.
#pragma once

#include "http/tls_context.hpp"

#include <cstddef>
#include <memory>
#include <mutex>

struct ssl_st;

namespace engram::http {

class TlsConnection {
public:
    // Ended: the peer has said that it sends nothing more. Failed: nothing can be sent or read any more.
    enum class Outcome { Done, WantRead, WantWrite, Ended, Failed };
    struct Transfer {
        Outcome outcome;
        size_t bytes;
    };

    TlsConnection(std::shared_ptr<const TlsContext> context, int descriptor);
    TlsConnection(const TlsConnection&) = delete;
    ~TlsConnection();

    Outcome handshake();
    // After a handshake that Failed: the peer spoke HTTP without TLS.
    bool spokeHttp() const { return spoke_http_; }

    // True if bytes have been taken from the socket that receive() has not given yet: waiting would be in vain.
    bool holdsBytes();
    Transfer receive(char* into, size_t size);
    // Sends until all is sent or the socket takes no more.
    Transfer send(const char* from, size_t size);
    // Tells the peer that nothing more comes (close_notify), as far as the socket takes it: without it clients do not
    // resume their sessions.
    void endSending();

private:
    Outcome outcomeOf(int result);

    std::mutex mutex_;
    std::shared_ptr<const TlsContext> context_;  // its ticket keys are used during a handshake
    ssl_st* ssl_ = nullptr;
    bool ready_ = false, failed_ = false, spoke_http_ = false;
};

}  // namespace engram::http
