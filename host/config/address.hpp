// Addresses in the configuration: where to listen, and which proxies to trust. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace engram::config {

struct Address {
    std::string host;  // IPv4, IPv6 without brackets, or "localhost"
    uint16_t port;
};

// "127.0.0.1:7227", "[::1]:7227", "localhost:0"; nothing for anything else. Other names are not looked up:
// what a name means may change after the check.
std::optional<Address> parseAddress(std::string_view host_and_port);

// True for an address that only this machine can reach: 127.0.0.0/8, [::1], localhost. False for what is no
// address.
bool isLoopback(std::string_view host_and_port);

// "10.0.0.7", "10.0.0.0/8", "fd00::/8"; a range of all addresses ("0.0.0.0/0") is none, for it would trust
// everybody.
bool isProxyRange(std::string_view text);

// "https://app.example.com", "http://localhost:5173": an origin as browsers send it (RFC 6454, section 6.2). Neither "*"
// nor "null" is one.
bool isOrigin(std::string_view text);

}  // namespace engram::config
