// Limits of the HTTP room. A value with documented defaults.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace engram::http {

struct Limits {
    size_t request_line = 8 * 1024;  // 414
    size_t header_bytes = 16 * 1024; // request line and header section; 431
    size_t header_count = 100;       // 431
    std::chrono::milliseconds handshake_time{10'000};  // for the whole of a TLS handshake; closed
    std::chrono::milliseconds header_time{10'000};  // for the header section to arrive in all; 408
    std::chrono::milliseconds body_time{30'000};    // for a body, plus one second for each KiB that has arrived; 408
    std::chrono::milliseconds idle_time{75'000};    // between requests
    std::chrono::milliseconds write_time{20'000};   // for a response to make progress
    std::chrono::milliseconds answer_time{60'000};  // for a handler to answer, or to ask for the body; 503
    std::chrono::milliseconds sweep{250};           // how exactly the times above are kept
    size_t requests_per_connection = 100'000;
    size_t connections = 10'000;
    size_t connections_per_peer = 256;
    size_t discard_bytes = 64 * 1024;  // of an unwanted body, before the connection is closed instead
};

}  // namespace engram::http
