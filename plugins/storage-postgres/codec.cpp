#include "codec.hpp"

#include <algorithm>
#include <cmath>

namespace engram::storage_postgres {
namespace {

void varint(std::string& out, uint64_t value) {  // LEB128
    for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
    out.push_back(static_cast<char>(value));
}

bool varint(std::string_view& bytes, uint64_t& value) {
    value = 0;
    for (int shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
        const auto byte = static_cast<unsigned char>(bytes.front());
        bytes.remove_prefix(1);
        value |= static_cast<uint64_t>(byte & 0x7F) << shift;
        if (!(byte & 0x80)) return true;
    }
    return false;
}

bool text(std::string_view& bytes, std::string_view& out) {
    uint64_t size = 0;
    if (!varint(bytes, size) || size > bytes.size()) return false;
    out = bytes.substr(0, size);
    bytes.remove_prefix(size);
    return true;
}

// Bytes of the sequence that starts with `lead`, and the range of its second byte; 0 if none does.
size_t sequence(unsigned char lead, unsigned char& low, unsigned char& high) {
    low = 0x80;
    high = 0xBF;
    if (lead >= 0xC2 && lead <= 0xDF) return 2;
    if (lead >= 0xE0 && lead <= 0xEF) {
        if (lead == 0xE0) low = 0xA0;
        if (lead == 0xED) high = 0x9F;  // surrogates
        return 3;
    }
    if (lead >= 0xF0 && lead <= 0xF4) {
        if (lead == 0xF0) low = 0x90;
        if (lead == 0xF4) high = 0x8F;
        return 4;
    }
    return 0;
}

}  // namespace

void encodeText(std::string& out, std::string_view value) {
    varint(out, value.size());
    out.append(value);
}

bool decodeTexts(std::string_view bytes, std::vector<std::string>& out) {
    while (!bytes.empty()) {
        std::string_view value;
        if (!text(bytes, value)) return false;
        out.emplace_back(value);
    }
    return true;
}

void encodeTerm(std::string& out, std::string_view term, uint32_t tf) {
    encodeText(out, term);
    varint(out, tf);
}

bool decodeTerms(std::string_view bytes, std::vector<TermCount>& out) {
    while (!bytes.empty()) {
        std::string_view term;
        uint64_t tf = 0;
        if (!text(bytes, term) || !varint(bytes, tf) || tf > UINT32_MAX) return false;
        out.push_back({term, static_cast<uint32_t>(tf)});
    }
    return true;
}

Quantised quantise(const float* values, uint32_t dimensions) {
    float largest = 0;
    for (uint32_t i = 0; i < dimensions; ++i) largest = std::max(largest, std::fabs(values[i]));
    Quantised out;
    out.scale = largest / 127.0f;
    out.codes.reserve(dimensions);
    for (uint32_t i = 0; i < dimensions; ++i)
        out.codes.push_back(static_cast<char>(out.scale > 0 ? std::lround(values[i] / out.scale) : 0));
    return out;
}

bool isText(std::string_view bytes) {
    for (size_t i = 0; i < bytes.size();) {
        const auto lead = static_cast<unsigned char>(bytes[i]);
        if (lead == 0) return false;
        if (lead < 0x80) {
            ++i;
            continue;
        }
        unsigned char low = 0, high = 0;
        const size_t n = sequence(lead, low, high);
        if (n == 0 || n > bytes.size() - i) return false;
        for (size_t k = 1; k < n; ++k) {
            const auto byte = static_cast<unsigned char>(bytes[i + k]);
            if (byte < (k == 1 ? low : 0x80) || byte > (k == 1 ? high : 0xBF)) return false;
        }
        i += n;
    }
    return true;
}

}  // namespace engram::storage_postgres
