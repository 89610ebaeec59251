// RFC 9562 identifiers. A value.
#pragma once

#include <engram/types.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace engram::engine {

struct Uuid {
    std::array<uint8_t, 16> bytes{};

    // Canonical form, 36 characters; upper case is accepted.
    static std::optional<Uuid> parse(std::string_view text);
    // Version 7 (section 5.7): `milliseconds`, then 74 random bits of `random`.
    static Uuid v7(int64_t milliseconds, const std::array<uint8_t, 10>& random);
    static Uuid from(const engram_uuid& id);

    std::string text() const;
    engram_uuid abi() const;
    friend auto operator<=>(const Uuid&, const Uuid&) = default;
};

// A fresh version 7 id from the system's clock and random source; ids of one thread ascend.
Uuid mintUuid(int64_t now);

}  // namespace engram::engine
