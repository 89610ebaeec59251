#include "cli/transport.hpp"

#include <Poco/Exception.h>
#include <Poco/Net/HTTPClientSession.h>
#include <Poco/Net/HTTPRequest.h>
#include <Poco/Net/HTTPResponse.h>
#include <Poco/Net/SocketAddress.h>
#include <Poco/Net/StreamSocket.h>
#include <Poco/StreamCopier.h>
#include <Poco/URI.h>

namespace engram::cli {
namespace {

constexpr int kTimeoutSeconds = 60;
constexpr size_t kMaxAnswer = 256u << 20;

class HttpTransport : public Transport {
public:
    Result<Answer> send(const Call& call) override {
        const bool repeatable = call.method == "GET" || hasKey(call);
        for (int attempt = 0;; ++attempt) {
            try {
                return exchange(call);
            } catch (const Poco::Exception& e) {
                session_.reset();
                // A kept connection may have been closed meanwhile; once more only where that cannot do it twice.
                if (attempt == 0 && used_ && repeatable) continue;
                return Error{"unavailable", "no server answers at " + name() + " (" + e.displayText() + ")", hint(), ""};
            }
        }
    }

protected:
    virtual std::unique_ptr<Poco::Net::HTTPClientSession> connect() = 0;
    virtual std::string name() const = 0;
    virtual std::string host() const = 0;
    virtual std::string hint() const = 0;
    virtual void authorise(Poco::Net::HTTPRequest&) const {}

private:
    static bool hasKey(const Call& call) {
        for (const auto& [name, value] : call.headers)
            if (name == "Idempotency-Key") return true;
        return false;
    }

    Answer exchange(const Call& call) {
        if (!session_) {
            session_ = connect();
            session_->setKeepAlive(true);
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
        std::ostream& out = session_->sendRequest(request);
        out.write(call.body.data(), static_cast<std::streamsize>(call.body.size()));
        Poco::Net::HTTPResponse response;
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
    bool used_ = false;
};

class SocketTransport final : public HttpTransport {
public:
    explicit SocketTransport(std::string path) : path_(std::move(path)) {}

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
    TcpTransport(std::string url, std::string key) : url_(std::move(url)), key_(std::move(key)) {}

private:
    std::unique_ptr<Poco::Net::HTTPClientSession> connect() override {
        const Poco::URI uri(url_);
        if (uri.getScheme() != "http") throw Poco::InvalidArgumentException("only http:// URLs are spoken");
        return std::make_unique<Poco::Net::HTTPClientSession>(uri.getHost(), uri.getPort());
    }
    void authorise(Poco::Net::HTTPRequest& request) const override { request.set("Authorization", "Bearer " + key_); }
    std::string name() const override { return url_; }
    std::string host() const override { return Poco::URI(url_).getAuthority(); }
    std::string hint() const override { return "check the URL, and that the server runs"; }
    std::string url_, key_;
};

}  // namespace

std::unique_ptr<Transport> overSocket(std::string path) { return std::make_unique<SocketTransport>(std::move(path)); }

std::unique_ptr<Transport> overTcp(std::string url, std::string key) {
    return std::make_unique<TcpTransport>(std::move(url), std::move(key));
}

}  // namespace engram::cli
