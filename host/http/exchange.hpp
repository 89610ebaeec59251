// One request and the right to answer it, once, from any thread.
#pragma once

#include "http/message.hpp"

#include <cstdint>
#include <memory>

namespace engram::http {

class Session;

// What a handler hangs on to an exchange between its two halves.
struct Attachment {
    virtual ~Attachment() = default;
};

// A move-only handle; whoever holds it owns the request. Destroying it unanswered answers 500.
class Exchange {
public:
    explicit Exchange(std::shared_ptr<Session> session) : session_(std::move(session)) {}
    Exchange(Exchange&&) = default;
    Exchange& operator=(Exchange&&) = default;
    ~Exchange();

    const Request& request() const;
    Attachment* attachment() const;
    void attach(std::unique_ptr<Attachment> attachment);

    // True once the connection has failed: nobody will read the answer.
    bool cancelled() const;

    // Sends the response; on a thread other than the io thread the bytes are written from there.
    void reply(Response response) &&;
    // Asks for the body, at most max_body bytes; Handler::onRequest gets the exchange when it is complete, and the
    // client gets 413 if it is larger.
    void readBody(uint64_t max_body) &&;

private:
    std::shared_ptr<Session> session_;
};

}  // namespace engram::http
