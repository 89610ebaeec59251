// Routes that plugins serve themselves. Lists are read once, at start; requests run on the blocking lane.
#pragma once

#include "http/message.hpp"
#include "pipeline/context.hpp"
#include "pipeline/state.hpp"

#include <engram/cpp/result.hpp>

#include <string_view>
#include <vector>

namespace engram::pipeline {

std::vector<PluginRoute> collectPluginRoutes(const std::vector<operations::Plugin<engram_routes_v1>>& plugins);

// Index among context.plugin_routes, SIZE_MAX if none fits.
size_t findPluginRoute(const Context& context, std::string_view method, std::string_view path);

// Calls the plugin. Error: what it returned, as far as a client may know.
Result<http::Response> handlePluginRoute(const PluginRoute& route, const http::Request& request, State& state);

}  // namespace engram::pipeline
