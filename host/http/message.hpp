// A request as it was received and the response to it. Values; a Request is read-only once a handler sees it.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/types.h>

namespace engram::http {

struct Peer {
    enum class Kind { Tcp, LocalSocket };
    Kind kind = Kind::Tcp;
    std::string address;  // without port; empty for the local socket
    uid_t uid = 0;        // of the process at the other end of the local socket
};

struct Header {
    std::string_view name;  // in lower case
    std::string_view value;
};

class Request {
public:
    std::string_view method() const { return method_; }
    std::string_view target() const { return target_; }  // origin form: path and query
    std::string_view path() const { return target_.substr(0, target_.find('?')); }
    std::string_view query() const {
        const size_t mark = target_.find('?');
        return mark == std::string_view::npos ? std::string_view() : target_.substr(mark + 1);
    }
    // Value of a header by lower-case name; empty if absent. Of a repeated one, the first.
    std::string_view header(std::string_view name) const {
        for (const Header& h : headers_)
            if (h.name == name) return h.value;
        return {};
    }
    const std::vector<Header>& headers() const { return headers_; }
    std::string_view body() const { return body_; }
    const Peer& peer() const { return *peer_; }
    // Address of who asks: the peer's, or what a trusted proxy says. Empty for the local socket.
    const std::string& client() const { return forwarded_client_.empty() ? peer_->address : forwarded_client_; }
    // The name it was asked under: Host, or what a trusted proxy says.
    std::string_view host() const { return forwarded_host_.empty() ? header("host") : forwarded_host_; }
    // True over TLS, ours or a trusted proxy's.
    bool secure() const { return secure_; }
    // True if the peer is a trusted proxy, whose X-Forwarded-* headers mean something.
    bool proxied() const { return proxied_; }
    const std::string& id() const { return id_; }  // minted by this server
    std::chrono::steady_clock::time_point receivedAt() const { return received_at_; }

private:
    friend class RequestParser;
    friend class Session;
    std::string head_;  // what the views point into
    std::string_view method_, target_;
    std::vector<Header> headers_;
    std::string body_, id_, forwarded_client_;
    std::string_view forwarded_host_;
    bool secure_ = false, proxied_ = false;
    const Peer* peer_ = nullptr;
    std::chrono::steady_clock::time_point received_at_{};
};

enum class After { KeepAlive, Close };

struct Response {
    int status = 200;
    std::string_view content_type = "application/json";  // a constant
    std::vector<std::pair<std::string_view, std::string>> headers{};  // names are constants
    std::string body{};
    After after = After::KeepAlive;
};

}  // namespace engram::http
