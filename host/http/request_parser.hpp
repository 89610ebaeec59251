// From bytes to a Request: Boost.Beast's grammar and the checks of RFC 9112 that it leaves to us.
//
// Knows no sockets. One thread at a time.
#pragma once

#include "http/limits.hpp"
#include "http/message.hpp"

#include <cstdint>
#include <memory>
#include <string_view>

namespace engram::http {

// Why a request is refused: an error code of sdk/schema/errors.json and a reason; empty code = not refused.
struct Refusal {
    std::string_view code{};
    std::string_view reason{};
    explicit operator bool() const { return !code.empty(); }
};

class RequestParser {
public:
    enum class Progress { NeedMore, Done, Refused };

    explicit RequestParser(const Limits& limits);
    RequestParser(const RequestParser&) = delete;
    ~RequestParser();

    // Looks for a whole header section at the start of `bytes` (everything received so far of this request). On Done
    // `used` bytes belong to it and `request` is filled.
    Progress head(std::string_view bytes, size_t& used, Request& request);

    // Takes body bytes; at most max_body are kept (body_too_large beyond). With `keep` off they are counted only.
    enum class Keep { Yes, No };
    Progress body(std::string_view bytes, size_t& used, Request& request, uint64_t max_body, Keep keep);

    const Refusal& refusal() const { return refusal_; }
    bool hasBody() const { return has_body_; }
    bool expectsContinue() const { return expects_continue_; }
    bool keepsAlive() const { return keeps_alive_; }
    // Announced length, or 0 for a chunked body.
    uint64_t contentLength() const { return content_length_; }

    // Ready for the next request.
    void reset();

private:
    class Grammar;
    Progress refuse(std::string_view code, std::string_view reason);
    Progress checkLines(std::string_view head);
    Progress checkFields(Request& request);
    Progress checkRequestLine(Request& request);
    Progress checkFraming(Request& request);

    const Limits& limits_;
    std::unique_ptr<Grammar> grammar_;
    Refusal refusal_;
    size_t scanned_ = 0;
    bool has_body_ = false, expects_continue_ = false, keeps_alive_ = false;
    uint64_t content_length_ = 0;
};

}  // namespace engram::http
