#include "http/response_writer.hpp"

#include "support/test.hpp"

#include <ctime>

using namespace engram::http;
using namespace std::string_literals;

namespace {

std::string headOf(const Response& response, Connection connection = Connection::KeepAlive) {
    std::string out = "what was there before";
    writeHead(out, response, "req-1", connection);
    return out;
}

size_t count(const std::string& text, const std::string& part) {
    size_t n = 0;
    for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
    return n;
}

}  // namespace

TEST("a head has a status line, a length, a request id and one empty line at its end") {
    Response response;
    response.status = 201;
    response.body = "{\"a\":1}";
    const std::string head = headOf(response);
    CHECK(head.starts_with("HTTP/1.1 201 Created\r\n"));
    CHECK(head.ends_with("\r\n\r\n"));
    CHECK_EQ(size_t(1), count(head, "\r\n\r\n"));
    CHECK_EQ(size_t(1), count(head, "Content-Length: 7\r\n"));
    CHECK_EQ(size_t(1), count(head, "Content-Type: application/json\r\n"));
    CHECK_EQ(size_t(1), count(head, "X-Request-Id: req-1\r\n"));
    CHECK_EQ(size_t(0), count(head, "Connection:"));
}

TEST("an empty body has a length and no type") {
    const std::string head = headOf({});
    CHECK_EQ(size_t(1), count(head, "Content-Length: 0\r\n"));
    CHECK_EQ(size_t(0), count(head, "Content-Type"));
}

TEST("the date is an IMF-fixdate") {
    const std::string head = headOf({});
    const size_t begin = head.find("\r\nDate: ");
    CHECK(begin != std::string::npos);
    const std::string date = head.substr(begin + 8, head.find("\r\n", begin + 8) - begin - 8);
    std::tm parsed{};
    const char* end = ::strptime(date.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parsed);
    CHECK(end && *end == '\0');
    char again[64];
    std::strftime(again, sizeof again, "%a, %d %b %Y %H:%M:%S GMT", &parsed);  // strptime is lenient, this is not
    CHECK_TEXT(std::string(again), date);
}

TEST("no value can start a header or a response of its own") {
    Response response;
    response.headers.emplace_back("Location", "/a\r\nSet-Cookie: x=1\r\n\r\nHTTP/1.1 200 OK\0z"s);
    const std::string head = headOf(response);
    CHECK_EQ(size_t(0), count(head, "\r\nSet-Cookie"));
    CHECK_EQ(size_t(1), count(head, "\r\n\r\n"));
    CHECK_EQ(size_t(1), count(head, "\r\nLocation: /a"));
    CHECK_EQ(std::string::npos, head.find('\0'));
}

TEST("a connection that ends says so") {
    CHECK_EQ(size_t(1), count(headOf({}, Connection::Close), "\r\nConnection: close\r\n"));
}

TEST("every status that is sent has a reason of its own") {
    for (int status : {200, 201, 202, 204, 304, 400, 401, 402, 403, 404, 405, 408, 409, 413, 414, 415, 417, 422, 429, 431, 500,
                       501, 503, 505, 507}) {
        Response response;
        response.status = status;
        const std::string head = headOf(response);
        CHECK_MESSAGE(head, !head.starts_with("HTTP/1.1 " + std::to_string(status) + " Status"));
    }
}
