#include "engine/cursor.hpp"

#include <openssl/evp.h>

#include <optional>

namespace engram::engine {
namespace {

constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

std::string encode(std::string_view bytes) {  // base64url without padding (RFC 4648)
    std::string out;
    unsigned bits = 0;
    int have = 0;
    for (unsigned char c : bytes) {
        bits = bits << 8 | c;
        for (have += 8; have >= 6; have -= 6) out.push_back(kAlphabet[bits >> (have - 6) & 63]);
    }
    if (have > 0) out.push_back(kAlphabet[bits << (6 - have) & 63]);
    return out;
}

std::optional<std::string> decode(std::string_view text) {
    std::string out;
    unsigned bits = 0;
    int have = 0;
    for (char c : text) {
        const char* at = c ? std::char_traits<char>::find(kAlphabet, 64, c) : nullptr;
        if (!at) return std::nullopt;
        bits = bits << 6 | static_cast<unsigned>(at - kAlphabet);
        if ((have += 6) >= 8) {
            have -= 8;
            out.push_back(static_cast<char>(bits >> have & 0xFF));
        }
    }
    return out;
}

void describe(std::string& out, const Filter::Node& node) {
    out += '(' + std::to_string(node.op) + ' ' + std::to_string(node.field) + ' ' + node.path;
    for (const Filter::Value& value : node.values)
        out += '\0' + std::to_string(value.type) + ':' + std::to_string(value.integer) + ':' +
               std::to_string(value.real) + ':' + (value.boolean ? '1' : '0') + value.text;
    for (const Filter::Node& child : node.children) describe(out, child);
    out += ')';
}

}  // namespace

void Fingerprint::add(std::string_view text) {
    text_ += std::to_string(text.size()) + ':';
    text_ += text;
}

void Fingerprint::add(const Filter& filter) {
    if (!filter.empty()) describe(text_, *filter.root());
}

std::string Fingerprint::bytes() const {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    EVP_Digest(text_.data(), text_.size(), digest, &length, EVP_sha256(), nullptr);
    return std::string(reinterpret_cast<const char*>(digest), 16);
}

std::string sealCursor(const std::string& mark, std::string_view place) { return encode(mark + std::string(place)); }

Result<std::string> openCursor(const std::string& cursor, const std::string& mark) {
    const auto bytes = decode(cursor);
    if (!bytes || bytes->size() < mark.size() || bytes->compare(0, mark.size(), mark) != 0)
        return Error{"invalid_cursor", "the cursor belongs to another query or is damaged", "", "/cursor"};
    return bytes->substr(mark.size());
}

}  // namespace engram::engine
