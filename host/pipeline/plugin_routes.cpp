#include "pipeline/plugin_routes.hpp"

#include <array>

namespace engram::pipeline {
namespace {

constexpr size_t kMaxReply = 64u << 20;
constexpr size_t kCallBudget = 8u << 20;

std::vector<std::string> split(std::string_view path) {
    std::vector<std::string> parts;
    size_t start = path.starts_with('/') ? 1 : 0;
    for (size_t slash; (slash = path.find('/', start)) != std::string_view::npos; start = slash + 1)
        parts.emplace_back(path.substr(start, slash - start));
    parts.emplace_back(path.substr(start));
    return parts;
}

bool isRest(const std::string& segment) { return segment.starts_with('{') && segment.ends_with("*}"); }
bool isParameter(const std::string& segment) { return segment.starts_with('{') && segment.ends_with('}'); }

// The path's parameters, or nothing if it does not fit.
std::optional<std::vector<std::pair<std::string, std::string>>> fit(const std::vector<std::string>& pattern,
                                                                    const std::vector<std::string>& path) {
    std::vector<std::pair<std::string, std::string>> values;
    for (size_t i = 0; i < pattern.size(); ++i) {
        if (isRest(pattern[i])) {
            std::string rest;
            for (size_t j = i; j < path.size(); ++j) rest += (j > i ? "/" : "") + path[j];
            values.emplace_back(pattern[i].substr(1, pattern[i].size() - 3), rest);
            return values;
        }
        if (i >= path.size()) return std::nullopt;
        if (isParameter(pattern[i])) {
            if (path[i].empty()) return std::nullopt;
            values.emplace_back(pattern[i].substr(1, pattern[i].size() - 2), path[i]);
        } else if (pattern[i] != path[i]) {
            return std::nullopt;
        }
    }
    if (path.size() != pattern.size()) return std::nullopt;
    return values;
}

// Header names of a response are constants in http::Response; a plugin's live here.
constexpr std::array<std::string_view, 12> kReplyHeaders = {
    "Cache-Control", "Content-Security-Policy", "ETag",   "Expires",          "Last-Modified", "Location",
    "Link",          "Referrer-Policy",         "Set-Cookie", "Vary", "WWW-Authenticate", "X-Content-Type-Options"};

bool equalsIgnoringCase(std::string_view a, std::string_view b) {
    return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) {
               return (x | 0x20) == (y | 0x20);
           });
}

struct Reply {
    http::Response response;
    std::string content_type;
    bool head_given = false;

    static engram_status head(void* ctx, uint32_t status, const engram_kv* headers, size_t n) {
        auto& self = *static_cast<Reply*>(ctx);
        if (self.head_given || status < 200 || status > 599) return ENGRAM_INVALID_ARGUMENT;
        self.head_given = true;
        self.response.status = static_cast<int>(status);
        for (size_t i = 0; i < n; ++i) {
            const std::string_view name = view(headers[i].key);
            if (equalsIgnoringCase(name, "content-type")) self.content_type = view(headers[i].value);
            for (std::string_view known : kReplyHeaders)
                if (equalsIgnoringCase(name, known))
                    self.response.headers.emplace_back(known, std::string(view(headers[i].value)));
        }
        return ENGRAM_OK;
    }
    static engram_status body(void* ctx, engram_bytes bytes) {
        auto& self = *static_cast<Reply*>(ctx);
        if (!self.head_given) return ENGRAM_FAILED_PRECONDITION;
        if (self.response.body.size() + bytes.len > kMaxReply) return ENGRAM_RESOURCE_EXHAUSTED;
        self.response.body.append(view(bytes));
        return ENGRAM_OK;
    }
};

Error errorOf(engram_status status, const ArenaCall& call) {
    switch (status) {
        case ENGRAM_NOT_FOUND: return {"route_not_found", "nothing is there", "", ""};
        case ENGRAM_INVALID_ARGUMENT: return {"invalid_request", call.message(), "", ""};
        case ENGRAM_PERMISSION_DENIED: return {"permission_denied", call.message(), "", ""};
        case ENGRAM_UNAVAILABLE: return {"unavailable", "the route's plugin does not answer", "", ""};
        default: return {"internal", "the route's plugin failed", "", ""};
    }
}

}  // namespace

std::vector<PluginRoute> collectPluginRoutes(const std::vector<operations::Plugin<engram_routes_v1>>& plugins) {
    std::vector<PluginRoute> all;
    for (const auto& plugin : plugins) {
        ArenaCall call;
        const engram_route* routes = nullptr;
        size_t n = 0;
        if (plugin.table->routes(plugin.self, call, &routes, &n) != ENGRAM_OK) continue;
        for (size_t i = 0; i < n; ++i) all.push_back({plugin, i, routes[i], split(view(routes[i].path))});
    }
    return all;
}

size_t findPluginRoute(const Context& context, std::string_view method, std::string_view path) {
    if (context.plugin_routes.empty()) return SIZE_MAX;
    const std::vector<std::string> parts = split(path);
    for (size_t i = 0; i < context.plugin_routes.size(); ++i)
        if (view(context.plugin_routes[i].route.method) == method && fit(context.plugin_routes[i].segments, parts)) return i;
    return SIZE_MAX;
}

Result<http::Response> handlePluginRoute(const PluginRoute& route, const http::Request& request, State& state) {
    const auto values = fit(route.segments, split(request.path()));
    std::vector<engram_kv> headers, params;
    for (const http::Header& h : request.headers()) {
        const bool hop = h.name.starts_with("x-forwarded-") || h.name == "forwarded";
        if (h.name == "authorization" || h.name == "cookie" || (hop && !request.proxied())) continue;
        headers.push_back({borrow(h.name), borrow(h.value)});
    }
    for (const auto& [name, value] : *values) params.push_back({borrow(name), borrow(value)});
    engram_request abi{};
    abi.size = sizeof abi;
    abi.method = borrow(request.method());
    abi.path = borrow(request.path());
    abi.query = borrow(request.query());
    abi.headers = headers.data();
    abi.n_headers = headers.size();
    abi.params = params.data();
    abi.n_params = params.size();
    abi.body = borrowBytes(request.body());
    Reply reply;
    const engram_reply sink = {sizeof sink, 0, &reply, &Reply::head, &Reply::body};
    ArenaCall call(0, kCallBudget);
    call.setTenant(state.caller.tenant_id);
    call.setSubject(state.caller.subject);
    call.setRequestId(state.caller.request_id);
    const engram_status status = route.plugin.table->handle(route.plugin.self, call, route.index, &abi, &sink);
    if (status != ENGRAM_OK) return errorOf(status, call);
    if (!reply.head_given) return Error{"internal", "the route's plugin gave no answer", "", ""};
    // The media type must outlive the response: plugins use a handful.
    reply.response.content_type = "application/octet-stream";
    for (std::string_view known : {"application/json", "text/html; charset=utf-8", "text/html", "text/plain; charset=utf-8",
                                   "text/plain", "text/css", "text/javascript", "image/svg+xml", "image/png",
                                   "application/scim+json", "application/problem+json"})
        if (reply.content_type == known) reply.response.content_type = known;
    return std::move(reply.response);
}

}  // namespace engram::pipeline
