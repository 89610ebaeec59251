#include "unicode_text.hpp"

#include <utf8proc.h>

#include <cstdlib>
#include <memory>
#include <new>

namespace engram::embed_static {
namespace {

constexpr char32_t kReplacement = 0xFFFD;

utf8proc_category_t category(char32_t c) { return utf8proc_category(static_cast<utf8proc_int32_t>(c)); }

}  // namespace

std::u32string decodeText(std::string_view text) {
    std::u32string out;
    out.reserve(text.size());
    while (!text.empty()) {
        utf8proc_int32_t c = -1;
        const auto n = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                        static_cast<utf8proc_ssize_t>(text.size()), &c);
        out.push_back(n > 0 ? static_cast<char32_t>(c) : kReplacement);
        text.remove_prefix(n > 0 ? static_cast<size_t>(n) : 1);
    }
    return out;
}

std::string encodeText(std::u32string_view text) {
    std::string out;
    out.reserve(text.size());
    for (char32_t c : text) {
        utf8proc_uint8_t bytes[4];
        const auto n = utf8proc_encode_char(static_cast<utf8proc_int32_t>(c), bytes);
        out.append(reinterpret_cast<const char*>(bytes), n > 0 ? static_cast<size_t>(n) : 0);
    }
    return out;
}

bool isSpace(char32_t c) {
    if ((c >= 9 && c <= 13) || c == 0x85) return true;
    const auto kind = category(c);
    return kind == UTF8PROC_CATEGORY_ZS || kind == UTF8PROC_CATEGORY_ZL || kind == UTF8PROC_CATEGORY_ZP;
}

bool isControl(char32_t c) {
    if (c == '\t' || c == '\n' || c == '\r') return false;
    switch (category(c)) {
        case UTF8PROC_CATEGORY_CC:
        case UTF8PROC_CATEGORY_CF:
        case UTF8PROC_CATEGORY_CN:
        case UTF8PROC_CATEGORY_CO: return true;
        default: return false;
    }
}

bool isPunctuation(char32_t c) {
    if ((c >= 33 && c <= 47) || (c >= 58 && c <= 64) || (c >= 91 && c <= 96) || (c >= 123 && c <= 126)) return true;
    const auto kind = category(c);
    return kind >= UTF8PROC_CATEGORY_PC && kind <= UTF8PROC_CATEGORY_PO;
}

bool isMark(char32_t c) {
    const auto kind = category(c);
    return kind >= UTF8PROC_CATEGORY_MN && kind <= UTF8PROC_CATEGORY_ME;
}

bool isNonspacing(char32_t c) { return category(c) == UTF8PROC_CATEGORY_MN; }

bool isWordCharacter(char32_t c) {
    const auto kind = category(c);
    return (kind >= UTF8PROC_CATEGORY_LU && kind <= UTF8PROC_CATEGORY_NL) || kind == UTF8PROC_CATEGORY_PC;
}

bool isIdeograph(char32_t c) {
    return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) || (c >= 0x20000 && c <= 0x2A6DF) ||
           (c >= 0x2A700 && c <= 0x2CEAF) || (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

char32_t lower(char32_t c) { return static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c))); }

std::u32string normalised(std::u32string_view text, Form form) {
    int options = UTF8PROC_STABLE | (form == Form::C || form == Form::KC ? UTF8PROC_COMPOSE : UTF8PROC_DECOMPOSE);
    if (form == Form::KC || form == Form::KD) options |= UTF8PROC_COMPAT;
    const std::string bytes = encodeText(text);
    utf8proc_uint8_t* mapped = nullptr;
    const auto n = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(bytes.data()),
                                static_cast<utf8proc_ssize_t>(bytes.size()), &mapped, static_cast<utf8proc_option_t>(options));
    const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(mapped, &std::free);
    if (n == UTF8PROC_ERROR_NOMEM) throw std::bad_alloc();
    if (n < 0) return std::u32string(text);
    return decodeText({reinterpret_cast<const char*>(mapped), static_cast<size_t>(n)});
}

}  // namespace engram::embed_static
