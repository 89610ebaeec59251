// The rules that hold between instances: how many of each interface, and who owns which HTTP route.
//
// Pure but for routes(), which plugins answer from a static list.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "config/problem.hpp"
#include "loader/instance.hpp"

namespace engram::loader {

// How many plugins must provide what: by the manifests, so it can be told before any code runs.
struct Provider {
    std::string_view instance, interface_id;
};
config::Problems checkProviders(std::span<const Provider> providers);

// Two owners of one method and path, or a route under a path of the host (/v1, /mcp, /healthz).
config::Problems checkRoutes(std::span<const std::shared_ptr<Instance>> instances);

}  // namespace engram::loader
