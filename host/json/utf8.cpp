#include "json/utf8.hpp"

namespace engram::json {
namespace {

constexpr size_t kLongestStep = 128;

}  // namespace

size_t characterLength(std::string_view text) {
    const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char first = byte(0);
    if (first < 0x80) return 1;
    const size_t n = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC2 ? 2 : 0;
    if (n == 0 || first > 0xF4 || text.size() < n) return 0;
    for (size_t i = 1; i < n; ++i)
        if ((byte(i) & 0xC0) != 0x80) return 0;
    // Longer than needed, surrogates, beyond U+10FFFF.
    if ((first == 0xE0 && byte(1) < 0xA0) || (first == 0xED && byte(1) >= 0xA0) || (first == 0xF0 && byte(1) < 0x90) ||
        (first == 0xF4 && byte(1) >= 0x90))
        return 0;
    return n;
}

bool isUtf8(std::string_view text) {
    while (!text.empty()) {
        const size_t n = characterLength(text);
        if (n == 0) return false;
        text.remove_prefix(n);
    }
    return true;
}

std::string toUtf8(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        const size_t n = characterLength(text);
        if (n == 0) out.append("\xEF\xBF\xBD");
        else out.append(text.substr(0, n));
        text.remove_prefix(n == 0 ? 1 : n);
    }
    return out;
}

std::string brief(std::string_view text, size_t most) {
    if (text.size() <= most) return std::string(text);
    while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xC0) == 0x80) --most;
    return std::string(text.substr(0, most));
}

std::string pointerStep(std::string_view name) {
    std::string out = "/";
    for (const char c : brief(name, kLongestStep)) {
        if (c == '~') out += "~0";
        else if (c == '/') out += "~1";
        else out += c;
    }
    return out;
}

}  // namespace engram::json
