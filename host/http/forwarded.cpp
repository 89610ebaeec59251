#include "http/forwarded.hpp"

#include "http/field_text.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

#include <arpa/inet.h>

namespace engram::http {
namespace {

constexpr unsigned char kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr size_t kMaxHops = 64;

bool isMapped(const Ip& address) { return std::equal(std::begin(kMapped), std::end(kMapped), address.begin()); }

// Some proxies add the port: "192.0.2.1:4711", "[2001:db8::1]:4711".
std::optional<Ip> parseHop(std::string_view text) {
    if (text.starts_with('[')) {
        const size_t close = text.find(']');
        return close == std::string_view::npos ? std::nullopt : parseIp(text.substr(1, close - 1));
    }
    if (std::count(text.begin(), text.end(), ':') == 1) text = text.substr(0, text.find(':'));
    return parseIp(text);
}

// Entries of all headers of that name, in the order in which they were added.
std::vector<std::string_view> entriesOf(std::span<const Header> headers, std::string_view name) {
    std::vector<std::string_view> entries;
    for (const Header& header : headers) {
        if (header.name != name) continue;
        std::string_view rest = header.value;
        while (entries.size() < 1000) {
            const size_t comma = rest.find(',');
            entries.push_back(trimmed(rest.substr(0, comma)));
            if (comma == std::string_view::npos) break;
            rest.remove_prefix(comma + 1);
        }
    }
    return entries;
}

}  // namespace

std::optional<Ip> parseIp(std::string_view text) {
    char buffer[INET6_ADDRSTRLEN];
    if (text.empty() || text.size() >= sizeof buffer || text.find('\0') != std::string_view::npos) return std::nullopt;
    std::memcpy(buffer, text.data(), text.size());
    buffer[text.size()] = '\0';
    Ip out{};
    std::copy(std::begin(kMapped), std::end(kMapped), out.begin());
    if (inet_pton(AF_INET, buffer, out.data() + sizeof kMapped) == 1) return out;
    if (inet_pton(AF_INET6, buffer, out.data()) == 1) return out;
    return std::nullopt;
}

std::string textOf(const Ip& address) {
    char text[INET6_ADDRSTRLEN] = {};
    if (isMapped(address))
        inet_ntop(AF_INET, address.data() + sizeof kMapped, text, sizeof text);
    else
        inet_ntop(AF_INET6, address.data(), text, sizeof text);
    return text;
}

ProxyRanges::ProxyRanges(std::span<const std::string> ranges) {
    for (const std::string& text : ranges) {
        const std::string_view view = text;
        const size_t slash = view.find('/');
        const auto first = parseIp(view.substr(0, slash));
        if (!first) continue;
        const bool four = view.substr(0, slash).find(':') == std::string_view::npos;
        unsigned bits = four ? 32 : 128;
        if (slash != std::string_view::npos) {
            const auto [end, failed] = std::from_chars(view.data() + slash + 1, view.data() + view.size(), bits);
            if (failed != std::errc() || end != view.data() + view.size()) continue;
        }
        ranges_.push_back({*first, std::min(128u, four ? bits + 96 : bits)});
    }
}

bool ProxyRanges::contains(const Ip& address) const {
    const bool four = isMapped(address);
    return std::any_of(ranges_.begin(), ranges_.end(), [&](const Range& range) {
        if (four != isMapped(range.first)) return false;  // a wide range of IPv6 would hold all of IPv4
        const unsigned whole = range.bits / 8, rest = range.bits % 8;
        if (std::memcmp(address.data(), range.first.data(), whole) != 0) return false;
        return rest == 0 || (address[whole] ^ range.first[whole]) >> (8 - rest) == 0;
    });
}

bool ProxyRanges::contains(std::string_view address) const {
    if (ranges_.empty()) return false;
    const auto ip = parseIp(address);
    return ip && contains(*ip);
}

Forwarded readForwarded(std::span<const Header> headers, const ProxyRanges& proxies) {
    Forwarded out;
    const auto hops = entriesOf(headers, "x-forwarded-for");
    for (size_t i = hops.size(), seen = 0; i-- > 0 && seen < kMaxHops; ++seen) {
        const auto hop = parseHop(hops[i]);
        if (!hop) break;
        out.client = textOf(*hop);
        if (!proxies.contains(*hop)) break;
    }
    // The nearest proxy adds its own at the end.
    if (const auto schemes = entriesOf(headers, "x-forwarded-proto"); !schemes.empty())
        out.scheme = schemes.back() == "https" ? Forwarded::Scheme::Https : Forwarded::Scheme::Http;
    if (const auto hosts = entriesOf(headers, "x-forwarded-host"); !hosts.empty()) out.host = hosts.back();
    return out;
}

bool isHost(std::string_view value) {
    if (value.empty() || value.size() > 255) return false;
    std::string_view host = value, port;
    if (value.front() == '[') {
        const size_t close = value.find(']');
        if (close == std::string_view::npos) return false;
        host = value.substr(1, close - 1);
        port = value.substr(close + 1);
        if (!port.empty() && port.front() != ':') return false;
        if (!port.empty()) port.remove_prefix(1);
        return !host.empty() && host.find_first_not_of("0123456789abcdefABCDEF:.") == std::string_view::npos &&
               port.find_first_not_of("0123456789") == std::string_view::npos && port.size() <= 5;
    }
    if (const size_t colon = value.find(':'); colon != std::string_view::npos) {
        host = value.substr(0, colon);
        port = value.substr(colon + 1);
    }
    constexpr std::string_view kAllowed =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
    return !host.empty() && host.find_first_not_of(kAllowed) == std::string_view::npos && port.size() <= 5 &&
           port.find_first_not_of("0123456789") == std::string_view::npos;
}

}  // namespace engram::http
