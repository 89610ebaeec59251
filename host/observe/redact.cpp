#include "observe/redact.hpp"

namespace engram::observe {
namespace {

constexpr std::string_view kRedacted = "[redacted]", kReplacement = "\\ufffd";

bool isTokenCharacter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '.' || c == '~' || c == '+' || c == '/' || c == '=';
}

// Length of the secret that starts here, 0 if none does. The public part of a key (its prefix) is not one.
size_t secretLength(std::string_view text) {
    size_t start = 0;
    if (text.starts_with("egm_live_") || text.starts_with("egm_test_")) start = 9;
    else if (text.starts_with("Bearer ") || text.starts_with("bearer ")) start = 7;
    else return 0;
    size_t end = start;
    while (end < text.size() && isTokenCharacter(text[end])) ++end;
    return end - start > 16 ? end : 0;
}

// Bytes of the UTF-8 character at the start, 0 if it is not one.
size_t characterLength(std::string_view text) {
    const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
    const size_t n = byte(0) >= 0xF0 ? 4 : byte(0) >= 0xE0 ? 3 : byte(0) >= 0xC2 ? 2 : 0;
    if (n == 0 || byte(0) > 0xF4 || text.size() < n) return 0;
    for (size_t i = 1; i < n; ++i)
        if ((byte(i) & 0xC0) != 0x80) return 0;
    if ((byte(0) == 0xE0 && byte(1) < 0xA0) || (byte(0) == 0xED && byte(1) >= 0xA0) || (byte(0) == 0xF0 && byte(1) < 0x90) ||
        (byte(0) == 0xF4 && byte(1) >= 0x90))
        return 0;
    return n;
}

}  // namespace

void appendEscaped(std::string& out, std::string_view text) {
    for (size_t i = 0; i < text.size();) {
        const unsigned char c = static_cast<unsigned char>(text[i]);
        if (c == 'e' || c == 'B' || c == 'b') {
            if (const size_t secret = secretLength(text.substr(i)); secret > 0) {
                out.append(kRedacted);
                i += secret;
                continue;
            }
        }
        if (c >= 0x80) {
            const size_t n = characterLength(text.substr(i));
            if (n == 0) out.append(kReplacement);
            else out.append(text.substr(i, n));
            i += n == 0 ? 1 : n;
            continue;
        }
        ++i;
        switch (c) {
            case '"': out.append("\\\""); break;
            case '\\': out.append("\\\\"); break;
            case '\n': out.append("\\n"); break;
            case '\r': out.append("\\r"); break;
            case '\t': out.append("\\t"); break;
            default:
                if (c < 0x20 || c == 0x7F) {
                    constexpr char kDigits[] = "0123456789abcdef";
                    out.append("\\u00");
                    out.push_back(kDigits[c >> 4]);
                    out.push_back(kDigits[c & 15]);
                } else {
                    out.push_back(static_cast<char>(c));
                }
        }
    }
}

}  // namespace engram::observe
