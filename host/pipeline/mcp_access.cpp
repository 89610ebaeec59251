#include "pipeline/mcp_access.hpp"

#include "http/field_text.hpp"

#include <algorithm>

namespace engram::pipeline {
namespace {

// "localhost:7227" -> "localhost", "[::1]:7227" -> "[::1]", without a final dot.
std::string nameOf(std::string_view host) {
    const size_t bracket = host.find(']');
    const size_t colon = host.find(':', bracket == std::string_view::npos ? 0 : bracket);
    std::string name = http::lowered(host.substr(0, colon));
    if (name.ends_with('.')) name.pop_back();
    return name;
}

bool isLoopbackName(const std::string& name) {
    if (name == "localhost" || name == "[::1]") return true;
    // 127.0.0.0/8 in figures; "127.evil.example" is a name.
    return name.starts_with("127.") && name.find_first_not_of("0123456789.") == std::string::npos;
}

bool contains(const std::vector<std::string>& list, const std::string& item) {
    return std::ranges::any_of(list, [&](const std::string& each) { return http::lowered(each) == item; });
}

bool isBelow(const std::string& name, const std::string& domain) {
    return !domain.empty() && (name == domain || name.ends_with("." + domain));
}

bool hostAllowed(const McpAccess& access, std::string_view host) {
    if (access.listens == McpAccess::Listens::Beyond && access.hosts.empty()) return true;
    const std::string name = nameOf(host);
    return isLoopbackName(name) || contains(access.hosts, name) || isBelow(name, access.base_domain);
}

bool originAllowed(const McpAccess& access, std::string_view origin) {
    const std::string text = http::lowered(origin);
    if (contains(access.origins, text)) return true;
    const size_t scheme = text.find("://");
    if (scheme == std::string::npos) return false;  // "null" too: a sandboxed page, or a file
    const std::string_view kind(text.data(), scheme);
    return (kind == "http" || kind == "https") && isLoopbackName(nameOf(std::string_view(text).substr(scheme + 3)));
}

}  // namespace

Result<void> checkAccess(const McpAccess& access, std::string_view host, std::string_view origin) {
    if (!hostAllowed(access, host))
        return Error{"host_not_allowed", "the host '" + std::string(host.substr(0, 128)) + "' is not one of this server's", "", ""};
    if (!origin.empty() && !originAllowed(access, origin))
        return Error{"origin_not_allowed", "pages of '" + std::string(origin.substr(0, 128)) + "' may not speak to this server", "", ""};
    return {};
}

}  // namespace engram::pipeline
