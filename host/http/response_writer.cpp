#include "http/response_writer.hpp"

#include <charconv>
#include <ctime>

namespace engram::http {
namespace {

std::string_view reason(int status) {
    switch (status) {
        case 200: return "OK";
        case 201: return "Created";
        case 202: return "Accepted";
        case 204: return "No Content";
        case 304: return "Not Modified";
        case 400: return "Bad Request";
        case 401: return "Unauthorized";
        case 402: return "Payment Required";
        case 403: return "Forbidden";
        case 404: return "Not Found";
        case 405: return "Method Not Allowed";
        case 406: return "Not Acceptable";
        case 408: return "Request Timeout";
        case 409: return "Conflict";
        case 413: return "Content Too Large";
        case 414: return "URI Too Long";
        case 415: return "Unsupported Media Type";
        case 417: return "Expectation Failed";
        case 422: return "Unprocessable Content";
        case 429: return "Too Many Requests";
        case 431: return "Request Header Fields Too Large";
        case 500: return "Internal Server Error";
        case 501: return "Not Implemented";
        case 503: return "Service Unavailable";
        case 505: return "HTTP Version Not Supported";
        case 507: return "Insufficient Storage";
        default: return "Status";
    }
}

// RFC 9110, section 5.6.7; made once a second and thread.
std::string_view date() {
    thread_local time_t made_at = 0;
    thread_local char text[40];
    thread_local size_t size = 0;
    timespec now{};
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    if (now.tv_sec != made_at) {
        tm parts{};
        gmtime_r(&now.tv_sec, &parts);
        constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
        constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                           "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
        const int n = snprintf(text, sizeof text, "%s, %02d %s %04d %02d:%02d:%02d GMT", kDays[parts.tm_wday % 7],
                               parts.tm_mday, kMonths[parts.tm_mon % 12], (parts.tm_year + 1900) % 10000,
                               parts.tm_hour, parts.tm_min, parts.tm_sec);
        size = n > 0 ? static_cast<size_t>(n) : 0;
        made_at = now.tv_sec;
    }
    return {text, size};
}

void number(std::string& out, uint64_t n) {
    char digits[20];
    const auto end = std::to_chars(digits, digits + sizeof digits, n).ptr;
    out.append(digits, static_cast<size_t>(end - digits));
}

void field(std::string& out, std::string_view name, std::string_view value) {
    out.append(name).append(": ");
    for (char c : value) out.push_back(c == '\r' || c == '\n' || c == '\0' ? ' ' : c);  // no way to start a new field
    out.append("\r\n");
}

}  // namespace

void writeHead(std::string& out, const Response& response, std::string_view request_id, Connection connection) {
    out.assign("HTTP/1.1 ");
    number(out, static_cast<uint64_t>(response.status));
    out.append(" ").append(reason(response.status));
    out.append("\r\nServer: engram\r\nDate: ").append(date());
    if (!response.body.empty()) out.append("\r\nContent-Type: ").append(response.content_type);
    if (response.status != 204) {  // which has none (RFC 9110, section 8.6)
        out.append("\r\nContent-Length: ");
        number(out, response.body.size());
    }
    out.append("\r\nX-Request-Id: ").append(request_id).append("\r\n");
    for (const auto& [name, value] : response.headers) field(out, name, value);
    if (connection == Connection::Close) out.append("Connection: close\r\n");
    out.append("\r\n");
}

}  // namespace engram::http
