#include "charsmap.hpp"

#include "malformed.hpp"

#include <algorithm>
#include <cstring>

namespace engram::embed_static {
namespace {

constexpr size_t kMaxBytes = 4u << 20;
constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::string decode(std::string_view base64) {
    while (base64.ends_with('=')) base64.remove_suffix(1);
    std::string out;
    uint32_t bits = 0;
    int have = 0;
    for (char c : base64) {
        const char* at = c ? std::char_traits<char>::find(kAlphabet, 64, c) : nullptr;
        if (!at) throw Malformed("precompiled_charsmap is not base64");
        bits = bits << 6 | static_cast<uint32_t>(at - kAlphabet);
        if ((have += 6) < 8) continue;
        have -= 8;
        out.push_back(static_cast<char>(bits >> have & 0xFF));
    }
    return out;
}

// A unit of the double array (darts-clone): a label to compare, or a value, and where the children are.
uint32_t labelOf(uint32_t unit) { return unit & (0x80000000u | 0xFFu); }
uint32_t offsetOf(uint32_t unit) { return (unit >> 10) << ((unit & 0x200u) >> 6); }
uint32_t valueOf(uint32_t unit) { return unit & 0x7FFFFFFFu; }
bool hasValue(uint32_t unit) { return (unit >> 8 & 1) != 0; }

size_t characterLength(unsigned char first) { return first < 0xC0 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4; }

}  // namespace

Charsmap::Charsmap(std::string_view base64) {
    if (base64.size() > kMaxBytes) throw Malformed("precompiled_charsmap is too long");
    const std::string bytes = decode(base64);
    uint32_t size = 0;
    if (bytes.size() < sizeof size) throw Malformed("precompiled_charsmap is cut short");
    std::memcpy(&size, bytes.data(), sizeof size);
    if (size % sizeof(uint32_t) != 0 || size > bytes.size() - sizeof size) throw Malformed("precompiled_charsmap is cut short");
    units_.resize(size / sizeof(uint32_t));
    if (size > 0) std::memcpy(units_.data(), bytes.data() + sizeof size, size);
    replacements_ = bytes.substr(sizeof size + size);
}

Charsmap::Match Charsmap::longest(std::string_view text) const {
    Match best;
    if (units_.empty()) return best;
    size_t at = offsetOf(units_[0]);
    for (size_t i = 0; i < text.size(); ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        at ^= byte;
        if (at >= units_.size() || labelOf(units_[at]) != byte) break;
        const uint32_t unit = units_[at];
        at ^= offsetOf(unit);
        if (!hasValue(unit)) continue;
        if (at >= units_.size()) break;
        const size_t begin = valueOf(units_[at]);
        if (begin >= replacements_.size()) break;
        const std::string_view rest = std::string_view(replacements_).substr(begin);
        best = {i + 1, rest.substr(0, rest.find('\0'))};
    }
    return best;
}

std::string Charsmap::apply(std::string_view text) const {
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        const Match match = longest(text);
        const size_t n = match.length ? match.length : std::min(text.size(), characterLength(static_cast<unsigned char>(text[0])));
        out.append(match.length ? match.replacement : text.substr(0, n));
        text.remove_prefix(n);
    }
    return out;
}

}  // namespace engram::embed_static
