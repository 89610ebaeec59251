#include "http/request_parser.hpp"

#include "support/test.hpp"

#include <algorithm>

using namespace engram::http;
using namespace std::string_literals;

namespace {

using Progress = RequestParser::Progress;

// A connection's bytes, parsed as a session does it: head, then body, for one request.
struct Parsed {
    Progress progress = Progress::NeedMore;
    std::string code, reason, method, target, body;
    std::vector<std::pair<std::string, std::string>> headers;
    bool keeps_alive = false, expects_continue = false;
    size_t used = 0;
};

Parsed describe(const RequestParser& parser, const Request& request, Progress progress, size_t used) {
    Parsed out;
    out.progress = progress;
    out.used = used;
    out.code = parser.refusal().code;
    out.reason = parser.refusal().reason;
    if (progress != Progress::Done) return out;
    out.method = request.method();
    out.target = request.target();
    out.body = request.body();
    for (const Header& h : request.headers()) out.headers.emplace_back(h.name, h.value);
    out.keeps_alive = parser.keepsAlive();
    out.expects_continue = parser.expectsContinue();
    return out;
}

// The bytes arrive `step` at a time and stay in the buffer until they are used.
Parsed parse(const std::string& bytes, size_t step = SIZE_MAX, Limits limits = {}, uint64_t max_body = 1 << 20) {
    RequestParser parser(limits);
    Request request;
    size_t begin = 0, end = 0;
    bool in_body = false;
    Progress progress = Progress::NeedMore;
    while (true) {
        end += std::min(step, bytes.size() - end);
        size_t used = 0;
        const std::string_view there = std::string_view(bytes).substr(begin, end - begin);
        if (!in_body) {
            progress = parser.head(there, used, request);
            begin += used;
            in_body = progress == Progress::Done;
            if (in_body && !parser.hasBody()) break;
        }
        if (in_body) {
            progress = parser.body(std::string_view(bytes).substr(begin, end - begin), used, request, max_body,
                                   RequestParser::Keep::Yes);
            begin += used;
        }
        if (progress != Progress::NeedMore || end == bytes.size()) break;
    }
    return describe(parser, request, progress, begin);
}

std::string withHeader(const std::string& lines, const std::string& body = "") {
    return "POST /v1/memories HTTP/1.1\r\nHost: a.example\r\n" + lines + "\r\n" + body;
}

void refused(const std::string& bytes, const char* code, const char* reason) {
    const Parsed whole = parse(bytes);
    CHECK_MESSAGE(bytes + " was taken", whole.progress == Progress::Refused);
    CHECK_TEXT(code, whole.code);
    CHECK_MESSAGE(bytes + ": " + whole.reason, whole.reason.find(reason) != std::string::npos);
    const Parsed drop_by_drop = parse(bytes, 1);
    CHECK_MESSAGE(bytes + " was taken byte by byte", drop_by_drop.progress == Progress::Refused);
    CHECK_TEXT(code, drop_by_drop.code);
}

void taken(const std::string& bytes, const std::string& target, const std::string& body) {
    for (size_t step : {SIZE_MAX, size_t(1), size_t(7)}) {
        const Parsed parsed = parse(bytes, step);
        CHECK_MESSAGE(bytes + ": " + parsed.reason, parsed.progress == Progress::Done);
        CHECK_TEXT(target, parsed.target);
        CHECK_TEXT(body, parsed.body);
        CHECK_EQ(bytes.size(), parsed.used);
    }
}

}  // namespace

TEST("a request is the same however its bytes arrive") {
    const std::string bytes =
        "PATCH /v1/memories/1?x=%20y HTTP/1.1\r\nHost: engram.example:7227\r\nX-Engram-Tenant:  acme \r\n"
        "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;ext=\"a;b\"\r\n world\r\n0\r\nTrailer: x\r\n\r\n";
    for (size_t step = 1; step <= bytes.size(); ++step) {
        const Parsed parsed = parse(bytes, step);
        CHECK(parsed.progress == Progress::Done);
        CHECK_TEXT("PATCH", parsed.method);
        CHECK_TEXT("/v1/memories/1?x=%20y", parsed.target);
        CHECK_TEXT("hello world", parsed.body);
        CHECK_EQ(size_t(3), parsed.headers.size());
        CHECK_TEXT("x-engram-tenant", parsed.headers[1].first);
        CHECK_TEXT("acme", parsed.headers[1].second);
        CHECK_EQ(bytes.size(), parsed.used);
    }
}

TEST("what belongs to the next request is left") {
    const std::string first = withHeader("Content-Length: 3\r\n", "abc");
    const Parsed parsed = parse(first + "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK_TEXT("abc", parsed.body);
    CHECK_EQ(first.size(), parsed.used);
    const std::string chunked = withHeader("Transfer-Encoding: chunked\r\n", "1\r\nx\r\n0\r\n\r\n");
    CHECK_EQ(chunked.size(), parse(chunked + "GET /smuggled HTTP/1.1\r\n").used);
}

TEST("empty lines before a request are skipped, but not without end") {
    taken("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "/", "");
    refused("\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "invalid_http", "");
}

TEST("a length that can be read in two ways is refused") {
    refused(withHeader("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), "invalid_http", "");
    refused(withHeader("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n"), "invalid_http", "");
    refused(withHeader("Content-Length: 5\r\nContent-Length: 5\r\n", "hello"), "invalid_http", "");
    refused(withHeader("Content-Length: 5, 5\r\n", "hello"), "invalid_http", "");
    for (const char* length : {"+5", "-5", "0x5", "5 5", "5a", "", "99999999999999999999"})
        refused(withHeader("Content-Length: " + std::string(length) + "\r\n", "hello"), "invalid_http", "");
}

TEST("a coding that can be read in two ways is refused") {
    refused(withHeader("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), "invalid_http", "");
    refused(withHeader("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), "not_implemented", "only chunked");
    refused(withHeader("Transfer-Encoding: identity\r\n", ""), "not_implemented", "only chunked");
    refused(withHeader("Transfer-Encoding: \"chunked\"\r\n", "0\r\n\r\n"), "not_implemented", "only chunked");
    refused("POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "invalid_http", "HTTP/1.0");
}

TEST("an empty coding beside a length is refused") {
    refused(withHeader("Transfer-Encoding: \r\nContent-Length: 5\r\n", "hello"), "invalid_http", "beside");
    refused(withHeader("Content-Length: 5\r\nTransfer-Encoding:\r\n", "hello"), "invalid_http", "");
    refused(withHeader("Transfer-Encoding:\r\n", ""), "not_implemented", "only chunked");
}

TEST("chunks that break the coding are refused") {
    for (const char* body : {"g\r\nx\r\n0\r\n\r\n", "-1\r\nx\r\n", "5\r\nhelloX0\r\n\r\n", "0x1\r\nx\r\n0\r\n\r\n",
                             "fffffffffffffffff\r\nx"})
        refused(withHeader("Transfer-Encoding: chunked\r\n", body), "invalid_http", "chunked");
}

TEST("chunks with bare line feeds are never a body") {
    for (size_t step : {SIZE_MAX, size_t(1)})
        CHECK(parse(withHeader("Transfer-Encoding: chunked\r\n", "1\nx\n0\n\n"), step).progress != Progress::Done);
}

TEST("line ends that two parsers could see differently are refused") {
    refused("GET / HTTP/1.1\nHost: a\n\n", "invalid_http", "LF without CR");
    refused("GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", "invalid_http", "LF without CR");
    refused("GET / HTTP/1.1\r\nHost: a\r\nX: b\rY: c\r\n\r\n", "invalid_http", "CR without LF");
    refused("GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n", "invalid_http", "folded");
    refused("GET / HTTP/1.1\r\nHost: a\r\nX: b\0c\r\n\r\n"s, "invalid_http", "NUL");
}

TEST("bare line feeds are refused before a section ends") {
    const Parsed parsed = parse("GET / HTTP/1.1\nHost: a\n");
    CHECK(parsed.progress == Progress::Refused);
    CHECK_EQ(size_t(0), parsed.used);
}

TEST("header names with spaces or other bytes are refused") {
    for (const char* line : {"Host : a", " Host: a", "Ho st: a", "Content-Length : 5", ": a", "no-colon", "X\x01: a", "\xc3\xa9: a"})
        refused("GET / HTTP/1.1\r\nHost: a\r\n" + std::string(line) + "\r\n\r\n", "invalid_http", "");
}

TEST("a header that decides something may be there once") {
    for (const char* name : {"Host", "Authorization", "Content-Type", "Expect", "Idempotency-Key", "If-Match",
                             "X-Engram-Tenant", "X-Request-Id", "Content-Encoding"}) {
        const std::string line = std::string(name) + ": x\r\n";
        refused(withHeader(line + (std::string(name) == "Host" ? "" : line)), "invalid_http", "repeated");
    }
    taken(withHeader("Accept: a\r\nAccept: b\r\n"), "/v1/memories", "");
}

TEST("a connection header cannot take away a header that decides something") {
    refused(withHeader("Authorization: Bearer x\r\nConnection: keep-alive, Authorization\r\n"), "invalid_http", "Connection");
    refused(withHeader("Connection: close\r\nConnection: content-length\r\nContent-Length: 0\r\n"), "invalid_http", "Connection");
}

TEST("a host is there, once, and is a host") {
    refused("GET / HTTP/1.1\r\n\r\n", "invalid_http", "Host is missing");
    for (const char* host : {"", "a b", "a/b", "user@a", "a:b", "a:123456", "[::1", "[]", "[::1]x", "a,b", "a\\b"})
        refused("GET / HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n", "invalid_http", "Host is not");
    for (const char* host : {"a", "a.example:80", "127.0.0.1:7227", "[::1]:7227", "[::1]"})
        taken("GET / HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n", "/", "");
    taken("GET / HTTP/1.0\r\n\r\n", "/", "");
}

TEST("a target is a path") {
    for (const char* target : {"v1", "*", "ftp://a/", "//\x80", "/a#b", "/\x7f", "http://b/", "http://u@a/"})
        refused("GET " + std::string(target) + " HTTP/1.1\r\nHost: a\r\n\r\n", "invalid_http", "");
    taken("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "*", "");
}

TEST("the absolute form means its path and query") {
    taken("GET http://a/v1?x=1 HTTP/1.1\r\nHost: a\r\n\r\n", "/v1?x=1", "");
    taken("GET http://a HTTP/1.1\r\nHost: a\r\n\r\n", "/", "");
    // A slash in the query is not where the path begins.
    refused("GET http://a?x=/admin HTTP/1.1\r\nHost: a\r\n\r\n", "invalid_http", "path is missing");
    refused("GET http://a?x=1 HTTP/1.1\r\nHost: a\r\n\r\n", "invalid_http", "path is missing");
}

TEST("other versions and methods are told what is spoken") {
    refused("GET / HTTP/2.0\r\nHost: a\r\n\r\n", "http_version_not_supported", "HTTP/1.1");
    refused("GET / HTTP/0.9\r\nHost: a\r\n\r\n", "http_version_not_supported", "");
    refused("BREW / HTTP/1.1\r\nHost: a\r\n\r\n", "not_implemented", "method");
    refused("get / HTTP/1.1\r\nHost: a\r\n\r\n", "not_implemented", "method");
    refused("CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", "not_implemented", "method");
    refused("GET / HTTX/1.1\r\nHost: a\r\n\r\n", "http_version_not_supported", "");
}

TEST("limits hold to the byte, with and without the end of what is too long") {
    Limits limits;
    limits.request_line = 40;
    limits.header_bytes = 120;
    limits.header_count = 3;
    const auto line = [](size_t n) { return "GET /" + std::string(n - 14, 'x') + " HTTP/1.1"; };
    const std::string rest = "\r\nHost: a\r\n\r\n";
    for (size_t step : {SIZE_MAX, size_t(1)}) {
        CHECK(parse(line(40) + rest, step, limits).progress == Progress::Done);
        CHECK_TEXT("uri_too_long", parse(line(41) + rest, step, limits).code);
        CHECK_TEXT("uri_too_long", parse(line(42), step, limits).code);
        const auto section = [&](size_t n) {
            const std::string start = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
            return start + std::string(n - start.size() - 4, 'x') + "\r\n\r\n";
        };
        CHECK(parse(section(120), step, limits).progress == Progress::Done);
        CHECK_TEXT("headers_too_large", parse(section(121), step, limits).code);
        CHECK_TEXT("headers_too_large", parse(section(140).substr(0, 130), step, limits).code);
        CHECK(parse("GET / HTTP/1.1\r\nHost: a\r\nB: b\r\nC: c\r\n\r\n", step, limits).progress == Progress::Done);
        CHECK_TEXT("headers_too_large", parse("GET / HTTP/1.1\r\nHost: a\r\nB: b\r\nC: c\r\nD: d\r\n\r\n", step, limits).code);
    }
}

TEST("a body over the limit is refused when it is announced, or when it comes") {
    const std::string announced = withHeader("Content-Length: 11\r\n", "");
    CHECK_TEXT("body_too_large", parse(announced, SIZE_MAX, {}, 10).code);
    const std::string comes = withHeader("Transfer-Encoding: chunked\r\n", "6\r\nabcdef\r\n5\r\nghijk\r\n0\r\n\r\n");
    for (size_t step : {SIZE_MAX, size_t(1)}) {
        CHECK_TEXT("body_too_large", parse(comes, step, {}, 10).code);
        CHECK(parse(comes, step, {}, 11).progress == Progress::Done);
    }
}

TEST("a connection is kept or closed as both sides understand it") {
    CHECK(parse(withHeader("")).keeps_alive);
    CHECK(!parse(withHeader("Connection: Close\r\n")).keeps_alive);
    CHECK(!parse(withHeader("Connection: x, close\r\n")).keeps_alive);
    CHECK(!parse("GET / HTTP/1.0\r\nHost: a\r\n\r\n").keeps_alive);
    CHECK(parse("GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n").keeps_alive);
}

TEST("an expectation is met, ignored where there is nothing to wait for, or refused") {
    CHECK(parse(withHeader("Content-Length: 2\r\nExpect: 100-continue\r\n", "ab")).expects_continue);
    CHECK(!parse(withHeader("Expect: 100-Continue\r\n")).expects_continue);
    refused(withHeader("Expect: tea\r\n"), "expectation_failed", "");
    refused(withHeader("Content-Encoding: gzip\r\n"), "unsupported_media_type", "");
}

TEST("after a reset the next request is parsed afresh") {
    Limits limits;
    RequestParser parser(limits);
    Request request;
    size_t used = 0;
    CHECK(parser.head("BREW / HTTP/1.1\r\nHost: a\r\n\r\n", used, request) == Progress::Refused);
    CHECK_EQ(size_t(0), used);
    parser.reset();
    CHECK(!parser.refusal());
    CHECK(parser.head("GET /b HTTP/1.1\r\nHost: a\r\n\r\n", used, request) == Progress::Done);
    CHECK_TEXT("/b", request.target());
    CHECK_EQ(size_t(1), request.headers().size());
}
