// How a key is stored: argon2id (PHC string), or HMAC-SHA-256 with a pepper that stays on this machine.
//
// The scheme travels in the stored text, so both verify whichever is configured. Any thread; argon2id takes tens of
// milliseconds and 19 MiB.
#pragma once

#include <array>
#include <string>
#include <string_view>

namespace engram::auth_apikey {

enum class Scheme { Argon2id, HmacSha256 };

using Pepper = std::array<unsigned char, 32>;

struct Cost {  // OWASP Password Storage Cheat Sheet, minimum for argon2id
    unsigned memory_kib = 19456, iterations = 2, lanes = 1;
};

// Throws std::runtime_error if the library fails (out of memory).
std::string hashKey(Scheme scheme, std::string_view key, const Pepper& pepper, const Cost& cost);

// Compares in constant time. False also for a stored text of an unknown scheme.
bool verifyKey(std::string_view stored, std::string_view key, const Pepper& pepper);

bool isArgon2(std::string_view stored);

}  // namespace engram::auth_apikey
