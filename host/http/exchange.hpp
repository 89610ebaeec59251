// One request and the right to answer it, once, from any thread.
#pragma once

#include "http/message.hpp"

#include <cstdint>
#include <memory>

namespace engram::http {

class Handler;
class Session;

// What a handler hangs on to an exchange between its two halves.
struct Attachment {
    virtual ~Attachment() = default;
    // The client has been answered in the handler's place, which took too long and may still be at work. [io thread]
    virtual void abandon() {}
};

// A move-only handle; whoever holds it owns the request, for as long as it likes, but Limits::answer_time after it was
// handed over the client is told that the server took too long. Destroying it unanswered answers 500.
class Exchange {
public:
    explicit Exchange(std::shared_ptr<Session> session) : session_(std::move(session)) {}
    // False once it was answered or handed on.
    explicit operator bool() const { return session_ != nullptr; }
    Exchange(Exchange&&) = default;
    Exchange& operator=(Exchange&&) = default;
    ~Exchange();

    const Request& request() const;
    Attachment* attachment() const;
    void attach(std::unique_ptr<Attachment> attachment);

    // The handler that goes on with this request instead of the listener's; it lives at least until the answer.
    void pin(std::shared_ptr<Handler> handler);
    std::shared_ptr<Handler> pinned() const;
    // A header of whatever answer this request gets; the name is a constant.
    void addHeader(std::string_view name, std::string value);

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
