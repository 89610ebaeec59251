#include "connection.hpp"

#include <Poco/Net/HTTPRequest.h>
#include <Poco/Net/HTTPResponse.h>
#include <Poco/Net/NetException.h>
#include <Poco/Net/SecureStreamSocket.h>
#include <Poco/Net/SocketAddress.h>

#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>

namespace engram::embed_http {
namespace {

namespace net = Poco::Net;

bool isAddress(const std::string& host) {
    return host.find_first_not_of("0123456789.") == std::string::npos || host.find(':') != std::string::npos;
}

Poco::Timespan until(Connection::Clock::time_point deadline) {
    const auto left = std::chrono::duration_cast<std::chrono::microseconds>(deadline - Connection::Clock::now());
    return Poco::Timespan(std::max<int64_t>(1000, left.count()));
}

}  // namespace

net::Context::Ptr verifiedTls(const Settings& settings) {
    net::Context::Params parameters;
    parameters.caLocation = settings.ca_file;
    parameters.loadDefaultCAs = settings.ca_file.empty();
    parameters.verificationMode = net::Context::VERIFY_STRICT;
    parameters.cipherList = "ECDHE+AESGCM:ECDHE+CHACHA20";
    net::Context::Ptr context(new net::Context(net::Context::TLS_CLIENT_USE, parameters));
    // Chain and name are OpenSSL's to verify, within the handshake; Poco's own check is not made for local names.
    context->enableExtendedCertificateVerification(false);
    SSL_CTX* native = context->sslContext();
    SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION);
    SSL_CTX_set_verify(native, SSL_VERIFY_PEER, nullptr);
    X509_VERIFY_PARAM* verify = SSL_CTX_get0_param(native);
    const int named = isAddress(settings.host) ? X509_VERIFY_PARAM_set1_ip_asc(verify, settings.host.c_str())
                                               : X509_VERIFY_PARAM_set1_host(verify, settings.host.c_str(), settings.host.size());
    if (named != 1) throw Poco::InvalidArgumentException("the URL's host cannot be verified");
    return context;
}

Connection::~Connection() = default;

// The socket first, so that the watchdog can cut the handshake too.
void Connection::connect(Clock::time_point deadline) {
    session_.reset();
    socket_.emplace();
    socket_->connect(net::SocketAddress(settings_.host, settings_.port), until(deadline));
    socket_->setNoDelay(true);
}

Reply Connection::exchange(const std::string& body, Clock::time_point deadline, const engram_call* call) {
    const bool kept = std::exchange(reusable_, false);
    Reply reply;
    try {
        if (!kept) connect(deadline);
        reply = talk(body, deadline, call);
    } catch (const Poco::Exception& e) {
        reply.why = e.displayText();
    } catch (const std::exception& e) {
        reply.why = e.what();
    }
    if (reply.outcome == Reply::Outcome::Broken && Clock::now() >= deadline) reply.outcome = Reply::Outcome::Late;
    if (reply.outcome == Reply::Outcome::Broken && kept) reply.outcome = Reply::Outcome::Unsent;
    last_use_ = Clock::now();
    return reply;
}

Reply Connection::talk(const std::string& body, Clock::time_point deadline, const engram_call* call) {
    const Watchdog::Guard guard(watchdog_, socket_->impl()->sockfd(), deadline, call);
    try {
        // Of TLS the session knows nothing: Poco's own session for it takes no socket that is connected.
        if (!session_ && settings_.secure)
            session_ = std::make_unique<net::HTTPClientSession>(net::SecureStreamSocket::attach(*socket_, settings_.host, tls_));
        else if (!session_)
            session_ = std::make_unique<net::HTTPClientSession>(*socket_);
        session_->setKeepAlive(true);
        session_->setTimeout(until(deadline));
        net::HTTPRequest request(net::HTTPRequest::HTTP_POST, settings_.target, net::HTTPMessage::HTTP_1_1);
        request.setHost(settings_.host, settings_.port);
        request.setContentType("application/json");
        request.setContentLength64(static_cast<Poco::Int64>(body.size()));
        request.set("Accept", "application/json");
        request.set("Accept-Encoding", "identity");
        request.setKeepAlive(true);
        if (!settings_.key.empty())
            request.set(settings_.key_header, settings_.key_header == "Authorization" ? "Bearer " + settings_.key : settings_.key);
        session_->sendRequest(request).write(body.data(), static_cast<std::streamsize>(body.size())).flush();
        return receive(guard);
    } catch (const Poco::Exception& e) {
        if (guard.fired()) return {Reply::Outcome::Late, "cut at the deadline"};
        throw;
    }
}

Reply Connection::receive(const Watchdog::Guard& guard) {
    net::HTTPResponse response;
    std::istream& stream = session_->receiveResponse(response);
    Reply reply;
    reply.status = response.getStatus();
    reply.retry_after = response.get("Retry-After", "");
    char buffer[16384];
    while (stream.read(buffer, sizeof buffer), stream.gcount() > 0) {
        reply.body.append(buffer, static_cast<size_t>(stream.gcount()));
        if (reply.body.size() > settings_.max_answer) {
            reply.why = "the answer is longer than max_answer_bytes";
            return reply;
        }
    }
    if (guard.fired()) return {Reply::Outcome::Late, "cut at the deadline"};
    const auto length = response.hasContentLength() ? response.getContentLength64() : Poco::Int64(-1);
    if (length >= 0 && static_cast<size_t>(length) != reply.body.size()) {
        reply.why = "the answer was cut short";
        return reply;
    }
    reply.outcome = Reply::Outcome::Answered;
    reusable_ = response.getKeepAlive() && (length >= 0 || response.getChunkedTransferEncoding());
    return reply;
}

}  // namespace engram::embed_http
