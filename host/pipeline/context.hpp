// Everything the stages work with, put together by main for one configuration; outlives every request that began with
// it. Immutable; any thread.
#pragma once

#include "observe/log.hpp"
#include "observe/metrics.hpp"
#include "operations/services.hpp"
#include "pipeline/lane.hpp"
#include "pipeline/mcp_access.hpp"
#include "pipeline/peer_buckets.hpp"
#include "rest/router.hpp"
#include "spool/spool.hpp"

#include <engram/auth.h>
#include <engram/quota.h>
#include <engram/routes.h>
#include <engram/tenancy.h>

#include <string>
#include <vector>

namespace engram::pipeline {

struct PluginRoute {
    operations::Plugin<engram_routes_v1> plugin;
    size_t index;  // in the plugin's list
    engram_route route;
    std::vector<std::string> segments;
};

enum class RequestLog { On, Off };

class AuditTrail;

struct Context {
    operations::Services& services;
    std::vector<operations::Plugin<engram_auth_v1>> auth;
    operations::Plugin<engram_tenancy_v1> tenancy;
    std::vector<operations::Plugin<engram_quota_v1>> quota;
    std::vector<PluginRoute> plugin_routes;
    const rest::Router& router;
    Lane& cpu;
    Lane& blocking;
    observe::Log& log;
    observe::Metrics& metrics;
    spool::Spool* spool;  // nullptr: nobody consumes events
    PeerBuckets& peers;
    std::string openapi;
    std::string base_domain;
    std::string default_tenant;  // slug; the local socket's owner acts in it
    uint64_t max_body;
    RequestLog log_requests;
    std::chrono::milliseconds answer_time;  // after which the client has been told that it took too long
    AuditTrail* audit = nullptr;  // nullptr: no plugin takes audit events
    McpAccess mcp{};
    std::vector<std::string> cors_origins{};  // whose pages may call us
};

}  // namespace engram::pipeline
