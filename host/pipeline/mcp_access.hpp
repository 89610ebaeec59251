// Who may speak MCP to this server by a browser's rules: the Origin and Host of a request.
//
// A page of somebody else, or a name that was rebound to this machine's address, must not reach a server on loopback
// (MCP 2025-11-25, Transports, "Security Warning"). A key is needed all the same. Pure; any thread.
#pragma once

#include <engram/cpp/result.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace engram::pipeline {

struct McpAccess {
    std::vector<std::string> hosts;    // names beside those of loopback, without port
    std::vector<std::string> origins;  // "https://app.example", beside those of loopback
    std::string base_domain;           // it and names below it are ours
    enum class Listens { Loopback, Beyond } listens = Listens::Loopback;  // Beyond, and no hosts: any Host
};

// `host`, `origin`: the headers, empty if absent. Errors: host_not_allowed, origin_not_allowed.
Result<void> checkAccess(const McpAccess& access, std::string_view host, std::string_view origin);

}  // namespace engram::pipeline
