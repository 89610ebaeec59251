#include "cli/client.hpp"

#include <sysexits.h>

namespace engram::cli {

int exitCodeOf(int status) {
    if (status >= 200 && status < 300) return EX_OK;
    switch (status) {
        case 401:
        case 403: return EX_NOPERM;
        case 429:
        case 503: return EX_TEMPFAIL;
        case 507: return EX_IOERR;
        default: return status >= 500 ? EX_SOFTWARE : EX_DATAERR;
    }
}

int tell(const Error& error, int code, Streams streams) {
    streams.err << "error: " << error.message << "\n";
    if (!error.hint.empty()) streams.err << "hint: " << error.hint << "\n";
    return code;
}

std::string percentEncode(std::string_view text) {
    std::string out;
    for (unsigned char c : text) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                           c == '.' || c == '_' || c == '~';
        if (plain) {
            out.push_back(static_cast<char>(c));
        } else {
            out.push_back('%');
            out.push_back("0123456789ABCDEF"[c >> 4]);
            out.push_back("0123456789ABCDEF"[c & 15]);
        }
    }
    return out;
}

std::string query(const std::vector<std::pair<std::string, std::string>>& parameters) {
    std::string out;
    for (const auto& [name, value] : parameters)
        if (!value.empty()) out += (out.empty() ? "?" : "&") + name + "=" + percentEncode(value);
    return out;
}

int request(const Connect& connect, const Arguments& arguments, const Call& call, Streams streams,
            const std::function<void(const json::Value&, std::ostream&)>& show) {
    auto transport = connect(arguments);
    if (!transport) return tell(transport.error(), EX_UNAVAILABLE, streams);
    auto answer = (*transport)->send(call);
    if (!answer) return tell(answer.error(), EX_UNAVAILABLE, streams);
    auto parsed = json::parse(answer->body, 256);
    if (answer->status >= 300 || !parsed) {
        Error error{"", "the server answered with status " + std::to_string(answer->status), "", ""};
        if (parsed) error = {"", text(*parsed, "detail"), text(*parsed, "hint"), ""};
        if (arguments.has("json") && parsed) streams.out << answer->body << "\n";
        return tell(error, answer->status >= 300 ? exitCodeOf(answer->status) : EX_PROTOCOL, streams);
    }
    if (arguments.has("json")) streams.out << answer->body << "\n";
    else show(*parsed, streams.out);
    return EX_OK;
}

std::string text(const json::Value& object, const char* name) {
    const json::Value* value = json::find(object, name);
    if (!value || value->IsNull()) return "";
    return value->IsString() ? std::string(json::view(*value)) : json::write(*value);
}

std::string shorten(std::string_view text, size_t width) {
    std::string out;
    size_t columns = 0;
    for (size_t i = 0; i < text.size(); ++i) {
        const unsigned char c = static_cast<unsigned char>(text[i]);
        if ((c & 0xC0) != 0x80 && ++columns > width) return out + "…";
        out.push_back(c < 0x20 || c == 0x7F ? ' ' : text[i]);  // no control sequence reaches the terminal
    }
    return out;
}

}  // namespace engram::cli
