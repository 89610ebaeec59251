#include "operations/private_text.hpp"

namespace engram::operations {
namespace {

bool standsAt(std::string_view text, size_t at, std::string_view tag) {
    if (text.size() - at < tag.size()) return false;
    for (size_t i = 0; i < tag.size(); ++i) {
        const char c = text[at + i];
        if ((c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c) != tag[i]) return false;
    }
    return true;
}

}  // namespace

std::string withoutPrivate(std::string_view text) {
    constexpr std::string_view kOpen = "<private>", kClose = "</private>";
    std::string out;
    out.reserve(text.size());
    size_t depth = 0;
    for (size_t at = 0; at < text.size();) {
        if (standsAt(text, at, kOpen)) {
            ++depth;
            at += kOpen.size();
        } else if (standsAt(text, at, kClose)) {
            if (depth > 0) --depth;
            at += kClose.size();
        } else {
            if (depth == 0) out += text[at];
            ++at;
        }
    }
    return out;
}

}  // namespace engram::operations
