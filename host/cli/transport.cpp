#include "cli/transport.hpp"

#include "cli/on_demand.hpp"
#include "cli/verified_tls.hpp"

#include <Poco/Exception.h>
#include <Poco/Net/HTTPClientSession.h>
#include <Poco/Net/HTTPRequest.h>
#include <Poco/Net/HTTPResponse.h>
#include <Poco/Net/SocketAddress.h>
#include <Poco/Net/StreamSocket.h>
#include <Poco/StreamCopier.h>
#include <Poco/URI.h>

#include <cstdlib>
#include <optional>

#include <sys/random.h>

namespace engram::cli {
namespace {

constexpr int kTimeoutSeconds = 60;
constexpr size_t kMaxAnswer = 256u << 20;
constexpr size_t kAskFirst = 1u << 20;
constexpr int kKeepAliveSeconds = 3600;  // the server decides how long a connection lives; Poco would guess

bool repeatable(const Call& call) {
    if (call.method == "GET") return true;
    for (const auto& [name, value] : call.headers)
        if (name == "Idempotency-Key") return true;
    return false;
}

class HttpTransport : public Transport {
public:
    Result<Answer> send(const Call& call) override {
        for (int attempt = 0;; ++attempt) {
            sent_ = false;
            try {
                return exchange(call);
            } catch (const Poco::Exception& e) {
                session_.reset();
                // A kept connection may have been closed meanwhile; once more only where that cannot do it twice.
                if (attempt == 0 && used_ && repeatable(call)) continue;
                if (auto error = untrusted()) return *error;
                if (sent_)
                    return Error{"connection_lost", "the connection to " + name() + " ended before the answer came",
                                 "look whether it was done before repeating it", ""};
                return Error{"unavailable", "no server answers at " + name() + " (" + e.displayText() + ")", hint(), ""};
            }
        }
    }

protected:
    virtual std::unique_ptr<Poco::Net::HTTPClientSession> connect() = 0;
    virtual std::string name() const = 0;
    virtual std::string host() const = 0;
    virtual std::string hint() const = 0;
    virtual std::optional<Error> untrusted() const { return std::nullopt; }  // why a certificate was refused
    virtual void authorise(Poco::Net::HTTPRequest&) const {}

private:
    Answer exchange(const Call& call) {
        if (!session_) {
            session_ = connect();
            session_->setKeepAlive(true);
            session_->setKeepAliveTimeout(Poco::Timespan(kKeepAliveSeconds, 0));
            session_->setTimeout(Poco::Timespan(kTimeoutSeconds, 0));
            used_ = false;
        }
        Poco::Net::HTTPRequest request(call.method, call.target, Poco::Net::HTTPMessage::HTTP_1_1);
        request.setHost(host());
        authorise(request);
        for (const auto& [name, value] : call.headers) request.set(name, value);
        if (!call.body.empty()) {
            request.setContentType("application/json");
            request.setContentLength64(static_cast<Poco::Int64>(call.body.size()));
        }
        sent_ = true;
        // A server that finds a body too large does not read it: asked first, it can still say so.
        const bool ask_first = call.body.size() > kAskFirst;
        if (ask_first) request.setExpectContinue(true);
        std::ostream& out = session_->sendRequest(request);
        Poco::Net::HTTPResponse response;
        if (!ask_first || session_->peekResponse(response))
            out.write(call.body.data(), static_cast<std::streamsize>(call.body.size()));
        std::istream& in = session_->receiveResponse(response);
        Answer answer;
        answer.status = response.getStatus();
        if (response.hasContentLength() && response.getContentLength64() > static_cast<Poco::Int64>(kMaxAnswer))
            throw Poco::DataFormatException("the answer is too large");
        Poco::StreamCopier::copyToString(in, answer.body);
        used_ = true;
        if (!response.getKeepAlive()) session_.reset();
        return answer;
    }

    std::unique_ptr<Poco::Net::HTTPClientSession> session_;
    bool used_ = false, sent_ = false;
};

class SocketTransport final : public HttpTransport {
public:
    explicit SocketTransport(std::string path) : path_(std::move(path)) {}
    std::unique_ptr<Transport> another() const override { return std::make_unique<SocketTransport>(path_); }

private:
    std::unique_ptr<Poco::Net::HTTPClientSession> connect() override {
        Poco::Net::StreamSocket socket;
        socket.connect(Poco::Net::SocketAddress(Poco::Net::SocketAddress::UNIX_LOCAL, path_),
                       Poco::Timespan(5, 0));
        return std::make_unique<Poco::Net::HTTPClientSession>(socket);
    }
    std::string name() const override { return path_; }
    std::string host() const override { return "localhost"; }
    std::string hint() const override { return "start one with: engram serve"; }
    std::string path_;
};

class TcpTransport final : public HttpTransport {
public:
    TcpTransport(std::string url, std::string key, std::string ca_file)
        : url_(std::move(url)), key_(std::move(key)), ca_file_(std::move(ca_file)) {}
    std::unique_ptr<Transport> another() const override { return std::make_unique<TcpTransport>(url_, key_, ca_file_); }

private:
    std::unique_ptr<Poco::Net::HTTPClientSession> connect() override {
        const Poco::URI uri(url_);
        if (uri.getScheme() == "https") {
            if (!tls_) tls_ = std::make_unique<VerifiedTls>(uri.getHost(), ca_file_);
            return tls_->session(uri.getPort());
        }
        if (uri.getScheme() != "http") throw Poco::InvalidArgumentException("only http:// and https:// are spoken");
        return std::make_unique<Poco::Net::HTTPClientSession>(uri.getHost(), uri.getPort());
    }
    std::optional<Error> untrusted() const override {
        if (!tls_ || tls_->refusal().empty()) return std::nullopt;
        return Error{"unavailable", "the certificate of " + url_ + " is not trusted: " + tls_->refusal(), tls_->advice(), ""};
    }
    void authorise(Poco::Net::HTTPRequest& request) const override {
        if (!key_.empty()) request.set("Authorization", "Bearer " + key_);
    }
    std::string name() const override { return url_; }
    std::string host() const override { return Poco::URI(url_).getAuthority(); }
    std::string hint() const override { return "check the URL, and that the server runs"; }
    std::string url_, key_, ca_file_;
    std::unique_ptr<VerifiedTls> tls_;
};

class OnDemandTransport final : public Transport {
public:
    explicit OnDemandTransport(std::shared_ptr<OnDemandServer> server)
        : server_(std::move(server)), socket_(server_->socket()) {}

    std::unique_ptr<Transport> another() const override { return std::make_unique<OnDemandTransport>(server_); }

    Result<Answer> send(const Call& given) override {
        Call call = given;
        // Operations on memories keep the key with what they wrote, so that repeating them does nothing twice.
        if (!repeatable(call) && call.target.starts_with("/v1/memories")) call.headers.emplace_back("Idempotency-Key", randomKey());
        const auto deadline = OnDemandServer::Clock::now() + OnDemandServer::kPatience;
        for (int attempt = 0;; ++attempt) {
            auto answer = socket_.send(call);
            if (answer || attempt == kAttempts) return answer;
            if (answer.error().code == "connection_lost" && !repeatable(call)) return answer;
            if (auto there = server_->ensure(deadline); !there) return there.error();
        }
    }

private:
    static constexpr int kAttempts = 8;

    static std::string randomKey() {
        unsigned char random[16];
        if (getrandom(random, sizeof random, 0) != static_cast<ssize_t>(sizeof random)) std::abort();
        std::string key = "cli-";
        for (unsigned char byte : random) {
            key.push_back("0123456789abcdef"[byte >> 4]);
            key.push_back("0123456789abcdef"[byte & 15]);
        }
        return key;
    }

    std::shared_ptr<OnDemandServer> server_;
    SocketTransport socket_;
};

}  // namespace

std::unique_ptr<Transport> overSocketOnDemand(std::shared_ptr<OnDemandServer> server) {
    return std::make_unique<OnDemandTransport>(std::move(server));
}

std::unique_ptr<Transport> overSocket(std::string path) { return std::make_unique<SocketTransport>(std::move(path)); }

std::unique_ptr<Transport> overTcp(std::string url, std::string key, std::string ca_file) {
    return std::make_unique<TcpTransport>(std::move(url), std::move(key), std::move(ca_file));
}

}  // namespace engram::cli
