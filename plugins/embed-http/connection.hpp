// One connection to the provider: TCP, over it TLS with the certificate and the name verified, over it one HTTP exchange after
// the other. One thread at a time.
#pragma once

#include "settings.hpp"
#include "watchdog.hpp"

#include <Poco/Net/Context.h>
#include <Poco/Net/HTTPClientSession.h>

#include <memory>
#include <optional>
#include <string>

namespace engram::embed_http {

struct Reply {
    enum class Outcome {
        Answered,
        Late,      // the deadline came, or the call was cancelled
        Unsent,    // a connection that was kept had been closed meanwhile: nothing was done, try a new one
        Broken     // no connection, or no whole answer; `why`
    };
    Outcome outcome = Outcome::Broken;
    std::string why{};
    int status = 0;
    std::string body{}, retry_after{};
};

// TLS for a host as the operating system's or the configured authorities vouch for it. Throws Poco::Exception.
Poco::Net::Context::Ptr verifiedTls(const Settings& settings);

class Connection {
public:
    using Clock = Watchdog::Clock;

    Connection(const Settings& settings, Poco::Net::Context::Ptr tls, Watchdog& watchdog)
        : settings_(settings), tls_(std::move(tls)), watchdog_(watchdog) {}
    ~Connection();

    // Connects if need be, sends the body and waits for the whole answer, at most until the deadline (name look-up aside,
    // which has the resolver's own limits).
    Reply exchange(const std::string& body, Clock::time_point deadline, const engram_call* call);
    bool reusable() const { return reusable_; }
    Clock::time_point lastUse() const { return last_use_; }

private:
    void connect(Clock::time_point deadline);
    Reply talk(const std::string& body, Clock::time_point deadline, const engram_call* call);
    Reply receive(const Watchdog::Guard& guard);

    const Settings& settings_;
    Poco::Net::Context::Ptr tls_;
    Watchdog& watchdog_;
    std::optional<Poco::Net::StreamSocket> socket_;
    std::unique_ptr<Poco::Net::HTTPClientSession> session_;
    bool reusable_ = false;
    Clock::time_point last_use_{};
};

}  // namespace engram::embed_http
