#include "pipeline/meter.hpp"

#include "engine/uuid.hpp"

namespace engram::pipeline {
namespace {

double secondsSince(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void count(spool::Event& event, const char* unit, uint64_t n) {
    if (n > 0) event.counters.emplace_back(unit, n);
}

void write(Context& context, const observe::AccessLine& line, size_t route) {
    context.metrics.request(route, line.status_code, line.latency_ms / 1000);
    if (context.log_requests == RequestLog::On) context.log.access(line);
}

}  // namespace

void meter(Context& context, const State& state, const http::Request& request, int status,
           const operations::Usage& usage, size_t bytes_out) {
    if (!context.spool) return;
    const int64_t now = context.services.now();
    spool::Event event;
    event.id = engine::mintUuid(now).abi();
    event.status_code = static_cast<uint32_t>(status);
    event.occurred_at = now;
    event.tenant = state.caller.tenant_id;
    event.workspace = usage.workspace;
    event.route = state.match.route->operation->name;
    event.subject = state.caller.subject;
    count(event, "memories_written", usage.memories_written);
    count(event, "memories_read", usage.memories_read);
    count(event, "searches", usage.searches);
    count(event, "bytes_in", state.bytes_in.value_or(request.body().size()));
    count(event, "bytes_out", bytes_out);
    if (auto written = context.spool->append(event); !written) {
        context.metrics.spoolFull();
        context.log.write(observe::Level::Error, "a usage event was lost", {{"reason", written.error().message}});
    }
}

void record(Context& context, const State& state, const http::Request& request, int status,
            std::string_view error_code) {
    const size_t operations = context.router.routes().size();
    const size_t route = state.match.route                ? state.match.route->index
                         : state.plugin_route != SIZE_MAX ? operations
                                                          : operations + (state.mcp ? 3 : 2);
    observe::AccessLine line;
    line.request_id = request.id();
    line.tenant_id = state.caller.tenant_id;
    line.tenant_slug = state.caller.tenant_slug;
    line.user_id = state.caller.subject;
    line.client = request.client();
    line.route = state.match.route                ? state.match.route->operation->name
                 : state.plugin_route != SIZE_MAX ? kPluginRouteName
                 : state.mcp                      ? kMcpRouteName
                                                  : kNoRouteName;
    line.method = request.method();
    line.status_code = status;
    line.latency_ms = secondsSince(request.receivedAt()) * 1000;
    line.error_code = error_code;
    write(context, line, route);
}

void recordOpen(Context& context, const http::Request& request, size_t route, int status) {
    observe::AccessLine line;
    line.request_id = request.id();
    line.route = kOpenRouteName;
    line.client = request.client();
    line.method = request.method();
    line.status_code = status;
    line.latency_ms = secondsSince(request.receivedAt()) * 1000;
    write(context, line, route);
}

}  // namespace engram::pipeline
