// Who really asks when a proxy stands in front: X-Forwarded-For, -Proto and -Host, believed from listed proxies alone.
//
// Values; any thread.
#pragma once

#include "http/message.hpp"

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace engram::http {

// An IPv4 address in its form in IPv6 (::ffff:a.b.c.d), or an IPv6 address.
using Ip = std::array<unsigned char, 16>;
std::optional<Ip> parseIp(std::string_view text);
std::string textOf(const Ip& address);  // "10.0.0.7", "2001:db8::1"

// Addresses and ranges such as "10.0.0.7", "10.0.0.0/8", "fd00::/8".
class ProxyRanges {
public:
    ProxyRanges() = default;
    // Entries that are no range are left out: the configuration has refused them.
    explicit ProxyRanges(std::span<const std::string> ranges);

    bool contains(const Ip& address) const;
    bool contains(std::string_view address) const;
    bool empty() const { return ranges_.empty(); }

private:
    struct Range {
        Ip first;
        unsigned bits;
    };
    std::vector<Range> ranges_;
};

// What a trusted proxy says of the request it passes on.
struct Forwarded {
    std::string client;  // address of the rightmost hop that is no trusted proxy; empty if nothing is said
    enum class Scheme { Unknown, Http, Https } scheme = Scheme::Unknown;
    std::string_view host;  // empty if nothing is said; not checked
};

// Reads the headers of a request whose peer is one of `proxies`. Hops left of one that is no address are not believed.
Forwarded readForwarded(std::span<const Header> headers, const ProxyRanges& proxies);

// RFC 3986 host and optional port, without user information.
bool isHost(std::string_view value);

}  // namespace engram::http
