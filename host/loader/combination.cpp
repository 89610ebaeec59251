#include "loader/combination.hpp"

#include <engram/routes.h>

#include <algorithm>
#include <map>
#include <set>

namespace engram::loader {
namespace {

struct Rule {
    std::string_view interface_id;
    size_t least, most;
    std::string_view example;
};

constexpr size_t kAny = SIZE_MAX;
constexpr Rule kRules[] = {{"engram.tenancy/1", 1, 1, "tenancy-sqlite"},
                           {"engram.storage/1", 1, 1, "storage-sqlite"},
                           {"engram.auth/1", 1, kAny, "auth-apikey"}};
constexpr std::string_view kReserved[] = {"v1", "mcp", "healthz", "readyz", "metrics"};
constexpr size_t kMaxRoutes = 1024, kMaxPath = 1024;

// The shape of a path: names of parameters do not matter, "/a/{x}" and "/a/{y}" are one route.
std::string shapeOf(std::string_view path) {
    std::string shape;
    for (size_t i = 0; i < path.size(); ++i) {
        if (path[i] != '{') {
            shape += path[i];
            continue;
        }
        const size_t close = std::min(path.find('}', i), path.size() - 1);
        shape += path[close - 1] == '*' ? "{*}" : "{}";
        i = close;
    }
    return shape;
}

std::string pathProblem(std::string_view path) {
    if (!path.starts_with('/') || path.size() > kMaxPath) return "is no path";
    const std::string_view first = path.substr(1, path.find('/', 1) - 1);
    if (first.empty() || first.find('{') != std::string_view::npos) return "would cover paths of the host";
    if (std::find(std::begin(kReserved), std::end(kReserved), first) != std::end(kReserved))
        return "lies under /" + std::string(first) + ", which is the host's";
    return {};
}

}  // namespace

config::Problems checkProviders(std::span<const Provider> providers) {
    config::Problems problems;
    for (const Rule& rule : kRules) {
        std::string names;
        size_t count = 0;
        for (const Provider& provider : providers) {
            if (provider.interface_id != rule.interface_id) continue;
            names += (names.empty() ? "" : ", ") + std::string(provider.instance);
            ++count;
        }
        const std::string id(rule.interface_id);
        if (count < rule.least)
            problems.push_back(
                {"plugins", "no plugin provides " + id,
                 "add [[plugin]] use = \"" + std::string(rule.example) + "\" to the configuration"});
        if (count > rule.most)
            problems.push_back({"plugins", "more than one plugin provides " + id + ": " + names,
                                "keep one of them in the configuration"});
    }
    return problems;
}

config::Problems checkRoutes(std::span<const std::shared_ptr<Instance>> instances) {
    config::Problems problems;
    std::map<std::string, std::string> owners;  // "GET /console/{}" -> instance
    for (const auto& instance : instances) {
        const auto* table = static_cast<const engram_routes_v1*>(instance->interface(ENGRAM_ROUTES));
        if (!table) continue;
        const engram_route* routes = nullptr;
        size_t n = 0;
        ArenaCall call;
        const engram_status status = table->routes(instance->self(), call, &routes, &n);
        if (status != ENGRAM_OK || n > kMaxRoutes) {
            problems.push_back({instance->path().string(),
                                "plugin '" + instance->name() + "' does not list its routes",
                                "correct the plugin's routes()"});
            continue;
        }
        for (size_t i = 0; i < n; ++i) {
            const std::string_view path = view(routes[i].path);
            const std::string text =
                std::string(view(routes[i].method)) + " " + std::string(path.substr(0, kMaxPath));
            if (std::string why = pathProblem(path); !why.empty()) {
                problems.push_back({instance->path().string(),
                                    "the route " + text + " of plugin '" + instance->name() + "' " + why,
                                    "move it below a path of the plugin's own"});
                continue;
            }
            const auto [it, fresh] =
                owners.emplace(std::string(view(routes[i].method)) + " " + shapeOf(path), instance->name());
            if (!fresh)
                problems.push_back({instance->path().string(),
                                    "the route " + text + " belongs to plugin '" + it->second + "' and to '" +
                                        instance->name() + "'",
                                    "remove one of them from the configuration"});
        }
    }
    return problems;
}

}  // namespace engram::loader
