#include "config/address.hpp"

#include <arpa/inet.h>

#include <charconv>

namespace engram::config {
namespace {

template <class T>
std::optional<T> wholeNumber(std::string_view digits) {
    T value = 0;
    const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (digits.empty() || failed != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
    return value;
}

bool isIp(int family, const std::string& text) {
    unsigned char bytes[16];
    return inet_pton(family, text.c_str(), bytes) == 1;
}

}  // namespace

std::optional<Address> parseAddress(std::string_view host_and_port) {
    const size_t colon = host_and_port.rfind(':');
    if (colon == std::string_view::npos) return std::nullopt;
    const auto port = wholeNumber<uint16_t>(host_and_port.substr(colon + 1));
    std::string host(host_and_port.substr(0, colon));
    if (!port || host.find('\0') != std::string::npos) return std::nullopt;
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
        host = host.substr(1, host.size() - 2);
        if (!isIp(AF_INET6, host)) return std::nullopt;
    } else if (host != "localhost" && !isIp(AF_INET, host)) {
        return std::nullopt;
    }
    return Address{std::move(host), *port};
}

bool isLoopback(std::string_view host_and_port) {
    const auto address = parseAddress(host_and_port);
    if (!address) return false;
    in6_addr six{};
    if (inet_pton(AF_INET6, address->host.c_str(), &six) == 1) return IN6_IS_ADDR_LOOPBACK(&six);
    return address->host == "localhost" || address->host.starts_with("127.");
}

bool isProxyRange(std::string_view text) {
    const size_t slash = text.find('/');
    const std::string host(text.substr(0, slash));
    const bool four = isIp(AF_INET, host);
    if (!four && !isIp(AF_INET6, host)) return false;
    if (slash == std::string_view::npos) return true;
    const auto bits = wholeNumber<unsigned>(text.substr(slash + 1));
    return bits && *bits >= 1 && *bits <= (four ? 32u : 128u);
}

bool isOrigin(std::string_view text) {
    const size_t colon = text.find("://");
    if (colon == std::string_view::npos || colon == 0) return false;
    const std::string_view scheme = text.substr(0, colon);
    std::string_view host = text.substr(colon + 3);
    constexpr std::string_view kScheme = "abcdefghijklmnopqrstuvwxyz0123456789+-.";
    constexpr std::string_view kHost = "abcdefghijklmnopqrstuvwxyz0123456789-._";
    constexpr std::string_view kSix = "0123456789abcdef:.";
    if (scheme.find_first_not_of(kScheme) != std::string_view::npos) return false;
    const bool six = host.starts_with('[');
    const size_t end = six ? host.find(']') : host.find(':');
    if (six && end == std::string_view::npos) return false;
    const std::string_view name = six ? host.substr(1, end - 1) : host.substr(0, end);
    if (name.empty() || name.find_first_not_of(six ? kSix : kHost) != std::string_view::npos) return false;
    const std::string_view port = end == std::string_view::npos ? "" : host.substr(end + (six ? 1 : 0));
    if (port.empty()) return true;
    const auto number = wholeNumber<uint16_t>(port.substr(1));
    if (!port.starts_with(':') || !number || *number == 0) return false;
    // Browsers leave the scheme's own port out.
    return !(scheme == "https" && *number == 443) && !(scheme == "http" && *number == 80);
}

}  // namespace engram::config
