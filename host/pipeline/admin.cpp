#include "pipeline/admin.hpp"

#include "json/json.hpp"
#include "problem/problem.hpp"

namespace engram::pipeline {
namespace {

void text(json::Writer& out, const char* name, const std::string& value) {
    out.Key(name);
    out.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
}

}  // namespace

// 200 if every started plugin is well or degraded and the server is not on its way out, else 503; a line for each.
http::Response Admin::ready() const {
    json::Buffer buffer;
    json::Writer out(buffer);
    bool well = !draining_.load();
    out.StartObject();
    out.Key("plugins");
    out.StartArray();
    for (const loader::InstanceState& state : plugins_()) {
        const bool started = state.state == loader::State::Started;
        const bool good = started && state.health.empty();
        // Degraded: some of what it serves is in trouble, so sending all clients elsewhere would be the greater harm.
        const bool degraded = started && state.degraded;
        well = well && (good || degraded);
        out.StartObject();
        text(out, "name", state.name);
        text(out, "version", state.version);
        text(out, "state", good ? "ok" : degraded ? "degraded" : started ? "unwell" : "down");
        if (!state.health.empty()) text(out, "reason", state.health);
        out.EndObject();
    }
    out.EndArray();
    text(out, "status", draining_.load() ? "draining" : well ? "ready" : "unready");
    out.EndObject();
    http::Response response;
    response.status = well ? 200 : 503;
    response.body.assign(buffer.GetString(), buffer.GetSize());
    return response;
}

void Admin::onHeaders(http::Exchange exchange) { std::move(exchange).readBody(0); }

void Admin::onRequest(http::Exchange exchange) {
    const http::Request& request = exchange.request();
    http::Response response;
    const bool reads = request.method() == "GET" || request.method() == "HEAD";
    if (reads && request.path() == "/metrics") {
        response.content_type = "text/plain; version=0.0.4; charset=utf-8";
        response.body = metrics_.text();
    } else if (reads && request.path() == "/readyz") {
        response = ready();
    } else if (reads && request.path() == "/healthz") {
        response.body = "{\"status\":\"ok\"}";
    } else {
        response.status = 404;
        response.content_type = problem::kContentType;
        response.body = problem::document({"route_not_found", "the admin listener has /metrics, /readyz and /healthz", "", ""},
                                          request.id());
    }
    std::move(exchange).reply(std::move(response));
}

}  // namespace engram::pipeline
