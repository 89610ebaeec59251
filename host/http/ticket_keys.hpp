// The keys that session tickets are sealed with: a new one every hour, the one before still opens (RFC 5077, section 4).
//
// Without rotation one stolen key would open every TLS 1.2 session of the process's life. Any thread.
#pragma once

#include <array>
#include <chrono>
#include <mutex>

struct evp_cipher_ctx_st;
struct evp_mac_ctx_st;

namespace engram::http {

class TicketKeys {
public:
    using Clock = std::chrono::steady_clock;
    static constexpr std::chrono::hours kRotation{1};

    // Prepares sealing a new ticket: writes the key's name and a fresh IV. False if randomness fails.
    bool seal(unsigned char* name, unsigned char* iv, evp_cipher_ctx_st* cipher, evp_mac_ctx_st* mac, Clock::time_point now);

    enum class Found { No, Current, Previous };  // Previous: the client should get a new ticket
    Found open(const unsigned char* name, const unsigned char* iv, evp_cipher_ctx_st* cipher, evp_mac_ctx_st* mac,
               Clock::time_point now);

private:
    struct Key {
        std::array<unsigned char, 16> name{};
        std::array<unsigned char, 32> cipher{}, mac{};
        Clock::time_point since{};
        bool there = false;
    };
    bool rotate(Clock::time_point now);

    std::mutex mutex_;
    Key current_, previous_;
};

}  // namespace engram::http
