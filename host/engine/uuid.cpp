#include "engine/uuid.hpp"

#include <cstdlib>
#include <cstring>

#include <sys/random.h>

namespace engram::engine {
namespace {

int nibble(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

}  // namespace

std::optional<Uuid> Uuid::parse(std::string_view text) {
    if (text.size() != 36) return std::nullopt;
    Uuid id;
    size_t at = 0;
    for (size_t i = 0; i < 16; ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            if (text[at++] != '-') return std::nullopt;
        const int high = nibble(text[at]), low = nibble(text[at + 1]);
        if (high < 0 || low < 0) return std::nullopt;
        id.bytes[i] = static_cast<uint8_t>(high << 4 | low);
        at += 2;
    }
    return id;
}

Uuid Uuid::v7(int64_t milliseconds, const std::array<uint8_t, 10>& random) {
    Uuid id;
    for (int i = 0; i < 6; ++i) id.bytes[i] = static_cast<uint8_t>(milliseconds >> (40 - 8 * i));
    std::memcpy(id.bytes.data() + 6, random.data(), random.size());
    id.bytes[6] = static_cast<uint8_t>(0x70 | (id.bytes[6] & 0x0F));
    id.bytes[8] = static_cast<uint8_t>(0x80 | (id.bytes[8] & 0x3F));
    return id;
}

Uuid Uuid::from(const engram_uuid& id) {
    Uuid out;
    std::memcpy(out.bytes.data(), id.bytes, 16);
    return out;
}

engram_uuid Uuid::abi() const {
    engram_uuid out;
    std::memcpy(out.bytes, bytes.data(), 16);
    return out;
}

std::string Uuid::text() const {
    constexpr char kDigits[] = "0123456789abcdef";
    std::string out;
    out.reserve(36);
    for (size_t i = 0; i < 16; ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10) out.push_back('-');
        out.push_back(kDigits[bytes[i] >> 4]);
        out.push_back(kDigits[bytes[i] & 15]);
    }
    return out;
}

Uuid mintUuid(int64_t now) {
    thread_local std::array<uint8_t, 10> random{};
    thread_local int64_t last = 0;
    if (now > last) {
        if (getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size())) std::abort();
        random[0] &= 0x07;  // room to count up within a millisecond (section 6.2, method 2)
        last = now;
        return Uuid::v7(last, random);
    }
    // Same millisecond, or a clock that went back: count up in the random bits.
    unsigned carry = 1;
    for (size_t i = random.size(); i-- > 0 && carry;) {
        const unsigned mask = i == 2 ? 0x3F : 0xFF;  // bits 62 and 63 of byte 8 are the variant
        const unsigned sum = (random[i] & mask) + carry;
        random[i] = static_cast<uint8_t>(sum & mask);
        carry = sum > mask;
    }
    return Uuid::v7(last, random);
}

}  // namespace engram::engine
