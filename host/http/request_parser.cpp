// Beast 1.81 asserts five bytes where a first chunk that is also the last one needs three ("0\r\n"): a debug build would
// abort on a well-formed request that arrives in pieces. Without the assertion it is read right.
#define BOOST_DISABLE_ASSERTS

#include "http/request_parser.hpp"

#include "http/field_text.hpp"
#include "http/forwarded.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>

#include <algorithm>
#include <array>
#include <optional>

namespace engram::http {

namespace beast = boost::beast;

namespace {

constexpr std::array<std::string_view, 7> kMethods = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};

// Headers that may be there once only: two of them could be read differently by two parties.
constexpr std::array<std::string_view, 16> kSingletons = {
    "authorization", "content-length", "content-type", "content-encoding", "expect",      "host",
    "idempotency-key", "if-match",     "transfer-encoding", "x-engram-tenant", "x-request-id",
    "mcp-method", "mcp-name", "mcp-protocol-version", "mcp-session-id", "origin"};

bool equalsIgnoringCase(std::string_view a, std::string_view lower) {
    if (a.size() != lower.size()) return false;
    for (size_t i = 0; i < a.size(); ++i)
        if (lowered(a[i]) != lower[i]) return false;
    return true;
}

template <class F>
void eachToken(std::string_view list, F&& f) {
    while (!list.empty()) {
        const size_t comma = list.find(',');
        const std::string_view token = trimmed(list.substr(0, comma));
        if (!token.empty()) f(token);
        if (comma == std::string_view::npos) return;
        list.remove_prefix(comma + 1);
    }
}

}  // namespace

// Collects what Beast's parser finds; offsets first, views once the text no longer moves.
class RequestParser::Grammar final : public beast::http::basic_parser<true> {
public:
    struct Field {
        size_t name, name_size, value, value_size;
    };

    explicit Grammar(Request& request) : request_(request) {
        eager(true);
        body_limit(boost::none);  // ours, in body()
        header_limit(UINT32_MAX); // ours, in head()
    }

    void finishHead() {
        head_finished_ = true;
        const std::string_view head = request_.head_;
        request_.method_ = head.substr(0, method_size_);
        request_.target_ = head.substr(method_size_, target_size_);
        for (const Field& f : fields_)
            request_.headers_.push_back({head.substr(f.name, f.name_size), head.substr(f.value, f.value_size)});
    }

    void sink(Keep keep) { keep_ = keep; }
    uint64_t bodyBytes() const { return body_bytes_; }
    int version() const { return version_; }

private:
    void on_request_impl(beast::http::verb, beast::string_view method, beast::string_view target, int version,
                         beast::error_code&) override {
        version_ = version;
        request_.head_.assign(method.data(), method.size());
        request_.head_.append(target.data(), target.size());
        method_size_ = method.size();
        target_size_ = target.size();
    }
    void on_response_impl(int, beast::string_view, int, beast::error_code&) override {}
    void on_field_impl(beast::http::field, beast::string_view name, beast::string_view value,
                       beast::error_code&) override {
        // Of a trailer section: discarded (RFC 9110, section 6.5.1). The request's views point into head_ by now.
        if (head_finished_) return;
        std::string& head = request_.head_;
        const Field field{head.size(), name.size(), head.size() + name.size(), value.size()};
        for (char c : name) head.push_back(lowered(c));
        head.append(value.data(), value.size());
        fields_.push_back(field);
    }
    void on_header_impl(beast::error_code&) override {}
    void on_body_init_impl(boost::optional<std::uint64_t> const&, beast::error_code&) override {}
    std::size_t on_body_impl(beast::string_view body, beast::error_code&) override { return take(body); }
    void on_chunk_header_impl(std::uint64_t, beast::string_view, beast::error_code&) override {}
    std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view body, beast::error_code&) override {
        return take(body);
    }
    void on_finish_impl(beast::error_code&) override {}

    size_t take(beast::string_view bytes) {
        body_bytes_ += bytes.size();
        if (keep_ == Keep::Yes) request_.body_.append(bytes.data(), bytes.size());
        return bytes.size();
    }

    Request& request_;
    std::vector<Field> fields_;
    size_t method_size_ = 0, target_size_ = 0;
    uint64_t body_bytes_ = 0;
    int version_ = 11;
    Keep keep_ = Keep::Yes;
    bool head_finished_ = false;
};

RequestParser::RequestParser(const Limits& limits) : limits_(limits) {}
RequestParser::~RequestParser() = default;

void RequestParser::reset() {
    grammar_.reset();
    refusal_ = {};
    scanned_ = 0;
    has_body_ = expects_continue_ = keeps_alive_ = false;
    content_length_ = 0;
}

RequestParser::Progress RequestParser::refuse(std::string_view code, std::string_view reason) {
    refusal_ = {code, reason};
    return Progress::Refused;
}

// What the grammar tolerates but two parties could read differently: bare LF or CR, NUL, folded lines.
RequestParser::Progress RequestParser::checkLines(std::string_view head) {
    const std::string_view lines = head.substr(0, head.size() - 2);  // the empty line is known to be right
    for (size_t i = 0; i < lines.size(); ++i) {
        const char c = lines[i];
        if (c == '\0') return refuse("invalid_http", "NUL byte in the header section");
        if (c == '\r' && (i + 1 == lines.size() || lines[i + 1] != '\n'))
            return refuse("invalid_http", "CR without LF");
        if (c != '\n') continue;
        if (i == 0 || lines[i - 1] != '\r') return refuse("invalid_http", "LF without CR");
        if (i + 1 < lines.size() && (lines[i + 1] == ' ' || lines[i + 1] == '\t'))
            return refuse("invalid_http", "folded header line");
    }
    return Progress::Done;
}

RequestParser::Progress RequestParser::head(std::string_view bytes, size_t& used, Request& request) {
    used = 0;
    size_t skip = 0;  // empty lines before a request are ignored (RFC 9112, section 2.2)
    while (skip < 4 && bytes.substr(skip).starts_with("\r\n")) skip += 2;
    const std::string_view rest = bytes.substr(skip);
    const size_t end = rest.find("\r\n\r\n", scanned_ > 3 ? scanned_ - 3 : 0);
    const size_t line_end = rest.find("\r\n");
    // A line that is not whole yet may end in the CR of its line end.
    if (line_end == std::string_view::npos ? rest.size() > limits_.request_line + 1 : line_end > limits_.request_line)
        return refuse("uri_too_long", "the request line is too long");
    if (end == std::string_view::npos) {
        if (rest.size() > limits_.header_bytes) return refuse("headers_too_large", "the header section is too large");
        // A laxer parser would see the end of the section at bare line feeds: do not wait for more.
        for (size_t i = scanned_; i < rest.size(); ++i)
            if (rest[i] == '\n' && (i == 0 || rest[i - 1] != '\r')) return refuse("invalid_http", "LF without CR");
        scanned_ = rest.size();
        return Progress::NeedMore;
    }
    const std::string_view section = rest.substr(0, end + 4);
    if (section.size() > limits_.header_bytes) return refuse("headers_too_large", "the header section is too large");
    if (checkLines(section) == Progress::Refused) return Progress::Refused;

    request.headers_.clear();
    request.body_.clear();
    grammar_ = std::make_unique<Grammar>(request);
    beast::error_code error;
    const size_t parsed = grammar_->put(boost::asio::buffer(section.data(), section.size()), error);
    if (error && error != beast::http::error::need_more) {
        if (error == beast::http::error::bad_version)
            return refuse("http_version_not_supported", "only HTTP/1.1 and HTTP/1.0 are spoken");
        return refuse("invalid_http", "the request breaks the grammar of HTTP/1.1");
    }
    if (!grammar_->is_header_done()) return refuse("invalid_http", "the header section breaks the grammar");
    grammar_->finishHead();
    if (checkFields(request) == Progress::Refused) return Progress::Refused;
    used = skip + parsed;
    return Progress::Done;
}

RequestParser::Progress RequestParser::checkFields(Request& request) {
    for (const auto check : {&RequestParser::checkRequestLine, &RequestParser::checkFraming})
        if ((this->*check)(request) == Progress::Refused) return Progress::Refused;
    return Progress::Done;
}

RequestParser::Progress RequestParser::checkRequestLine(Request& request) {
    if (request.headers_.size() > limits_.header_count) return refuse("headers_too_large", "too many header fields");
    if (std::find(kMethods.begin(), kMethods.end(), request.method_) == kMethods.end())
        return refuse("not_implemented", "unknown method");

    for (std::string_view name : kSingletons)
        if (std::count_if(request.headers_.begin(), request.headers_.end(),
                          [&](const Header& h) { return h.name == name; }) > 1)
            return refuse("invalid_http", "a header that may be there once is repeated");

    const std::string_view host = request.header("host");
    const bool has_host = std::any_of(request.headers_.begin(), request.headers_.end(),
                                      [](const Header& h) { return h.name == "host"; });
    if (grammar_->version() == 11 && !has_host) return refuse("invalid_http", "Host is missing");
    if (has_host && !isHost(host)) return refuse("invalid_http", "Host is not a host name");

    std::string_view& target = request.target_;
    if (!target.starts_with('/')) {
        const size_t scheme = target.starts_with("http://") ? 7 : target.starts_with("https://") ? 8 : 0;
        if (target == "*" && request.method_ == "OPTIONS") {
        } else if (scheme > 0) {  // absolute form (RFC 9112, section 3.2.2)
            std::string_view rest = target.substr(scheme);
            const size_t end = std::min(rest.find_first_of("/?"), rest.size());
            if (rest.substr(0, end) != host) return refuse("invalid_http", "the target's authority is not Host");
            if (end == rest.size()) {
                target = "/";
            } else if (rest[end] == '/') {
                target = rest.substr(end);
            } else {
                return refuse("invalid_http", "the target's path is missing before its query");
            }
        } else {
            return refuse("invalid_http", "the target must start with a slash");
        }
    }
    for (const char c : target)
        if (static_cast<unsigned char>(c) <= 0x20 || static_cast<unsigned char>(c) >= 0x7F || c == '#')
            return refuse("invalid_http", "the target has a character that must be percent-encoded");
    return Progress::Done;
}

RequestParser::Progress RequestParser::checkFraming(Request& request) {
    const std::string_view length = request.header("content-length"), coding = request.header("transfer-encoding");
    // An empty value counts: another party may read it as a coding.
    if (std::any_of(request.headers_.begin(), request.headers_.end(),
                    [](const Header& h) { return h.name == "transfer-encoding"; })) {
        if (!length.empty()) return refuse("invalid_http", "Content-Length beside Transfer-Encoding");
        if (grammar_->version() != 11) return refuse("invalid_http", "Transfer-Encoding on HTTP/1.0");
        if (!equalsIgnoringCase(coding, "chunked")) return refuse("not_implemented", "only chunked is understood");
    }
    if (!length.empty() && length.find_first_not_of("0123456789") != std::string_view::npos)
        return refuse("invalid_http", "Content-Length is not a number");
    content_length_ = length.empty() ? 0 : grammar_->content_length().value_or(0);
    has_body_ = grammar_->chunked() || content_length_ > 0;

    bool close = grammar_->version() == 10, nominated = false;
    for (const Header& header : request.headers_) {
        if (header.name != "connection") continue;
        eachToken(header.value, [&](std::string_view token) {
            if (equalsIgnoringCase(token, "close")) close = true;
            if (equalsIgnoringCase(token, "keep-alive") && grammar_->version() == 10) close = false;
            for (std::string_view name : kSingletons)
                if (equalsIgnoringCase(token, name)) nominated = true;
        });
    }
    if (nominated) return refuse("invalid_http", "Connection names a header that is not of the connection");
    keeps_alive_ = !close;

    if (const std::string_view expect = request.header("expect"); !expect.empty()) {
        if (!equalsIgnoringCase(expect, "100-continue")) return refuse("expectation_failed", "unknown expectation");
        expects_continue_ = grammar_->version() == 11 && has_body_;
    }
    const std::string_view encoding = request.header("content-encoding");
    if (!encoding.empty() && !equalsIgnoringCase(encoding, "identity"))
        return refuse("unsupported_media_type", "Content-Encoding is not understood");
    return Progress::Done;
}

RequestParser::Progress RequestParser::body(std::string_view bytes, size_t& used, Request& request,
                                            uint64_t max_body, Keep keep) {
    used = 0;
    if (content_length_ > max_body) return refuse("body_too_large", "the announced body is too large");
    grammar_->sink(keep);
    if (keep == Keep::Yes && content_length_ > request.body_.capacity()) request.body_.reserve(content_length_);
    while (!grammar_->is_done() && used < bytes.size()) {
        beast::error_code error;
        const size_t n = grammar_->put(boost::asio::buffer(bytes.data() + used, bytes.size() - used), error);
        used += n;
        if (grammar_->bodyBytes() > max_body) return refuse("body_too_large", "the body is too large");
        if (error == beast::http::error::need_more) return Progress::NeedMore;
        if (error) return refuse("invalid_http", "the body breaks the chunked coding");
        if (n == 0) break;
    }
    return grammar_->is_done() ? Progress::Done : Progress::NeedMore;
}

}  // namespace engram::http
