#include "observe/redact.hpp"

#include "json/utf8.hpp"

#include <algorithm>
#include <cctype>

namespace engram::observe {
namespace {

constexpr std::string_view kRedacted = "[redacted]", kReplacement = "\\ufffd";

bool isTokenCharacter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '.' || c == '~' || c == '+' || c == '/' || c == '=';
}

// The scheme's name is of any case (RFC 9110, section 11.1).
bool startsWithBearer(std::string_view text) {
    constexpr std::string_view kScheme = "bearer ";
    if (text.size() < kScheme.size()) return false;
    for (size_t i = 0; i < kScheme.size(); ++i)
        if ((text[i] | 0x20) != kScheme[i]) return false;
    return true;
}

// Length of the secret that starts here, 0 if none does. The public part of a key (its prefix) is not one.
size_t secretLength(std::string_view text) {
    size_t start = 0;
    if (text.starts_with("egm_live_") || text.starts_with("egm_test_")) start = 9;
    else if (text.starts_with("egm_invite_")) start = 11;
    else if (startsWithBearer(text)) start = 7;
    else if (text.starts_with("eyJ")) start = 3;
    else return 0;
    size_t end = start;
    while (end < text.size() && isTokenCharacter(text[end])) ++end;
    return end - start > 16 ? end : 0;
}

constexpr std::string_view kSecretNames[] = {"password", "passwd", "secret", "token", "api_key", "apikey", "private_key",
                                             "credential", "pepper"};

// Length of a name like `client_secret` that starts here, with the quotes, spaces and = or : behind it; 0 for other text.
size_t secretNameLength(std::string_view text) {
    size_t end = 0;
    while (end < text.size() && end < 64 && (std::isalnum(static_cast<unsigned char>(text[end])) || text[end] == '_' || text[end] == '-'))
        ++end;
    std::string name(text.substr(0, end));
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    const bool sounds = std::any_of(std::begin(kSecretNames), std::end(kSecretNames),
                                    [&](std::string_view word) { return name.find(word) != std::string::npos; });
    if (!sounds) return 0;
    while (end < text.size() && (text[end] == '"' || text[end] == '\\')) ++end;
    while (end < text.size() && text[end] == ' ') ++end;
    if (end >= text.size() || (text[end] != '=' && text[end] != ':')) return 0;
    ++end;
    while (end < text.size() && text[end] == ' ') ++end;
    return end;
}

// Length of the value that starts here: up to its closing quote, or to a space, comma, bracket or the end of the line.
size_t valueLength(std::string_view text) {
    if (text.starts_with("\\\"")) return std::min(text.find("\\\"", 2), text.size());
    if (text.starts_with('"') || text.starts_with('\'')) {
        size_t end = 1;
        while (end < text.size() && text[end] != text[0] && text[end] != '\n') end += text[end] == '\\' ? 2 : 1;
        return std::min(end, text.size());
    }
    return std::min(text.find_first_of(" ,;}])\"'\n"), text.size());
}

// Length of "user:password@" behind "://"; 0 if there is none.
size_t userinfoLength(std::string_view text) {
    const size_t end = text.find_first_of("/@ \"\n?#");
    return end != std::string_view::npos && text[end] == '@' ? end : 0;
}

bool isWordCharacter(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-'; }

}  // namespace

std::string redacted(std::string_view text) {
    std::string out;
    for (size_t i = 0; i < text.size();) {
        const std::string_view rest = text.substr(i);
        const bool begins_word = i == 0 || !isWordCharacter(text[i - 1]);
        if (const size_t secret = secretLength(rest); secret > 0) {
            out.append(kRedacted);
            i += secret;
        } else if (rest.starts_with("://")) {
            const size_t userinfo = userinfoLength(rest.substr(3));
            out.append("://").append(userinfo > 0 ? kRedacted : "");
            i += 3 + userinfo;
        } else if (const size_t name = begins_word ? secretNameLength(rest) : 0; name > 0) {
            const std::string_view value = rest.substr(name);
            const bool quoted = value.starts_with('"');
            out.append(rest.substr(0, name)).append(quoted ? "\"" : "").append(kRedacted);
            i += name + valueLength(value);
        } else {
            out.push_back(text[i++]);
        }
    }
    return out;
}

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
            const size_t n = json::characterLength(text.substr(i));
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
