// Serves GET on the path of its configuration.
#include <engram/cpp/routes.hpp>

namespace {

class Routes {
public:
    Routes(engram::Host, engram::Config config) : path_(config.text("/path")) {
        route_ = {sizeof(engram_route), ENGRAM_ROUTE_PUBLIC, engram_lit("GET"), engram::borrow(path_), {}, 0};
    }
    engram_status routes(engram_call*, const engram_route** out, size_t* n) {
        *out = &route_;
        *n = 1;
        return ENGRAM_OK;
    }
    engram_status handle(engram_call*, size_t, const engram_request*, const engram_reply* reply) {
        return reply->head(reply->ctx, 204, nullptr, 0);
    }

private:
    std::string path_;
    engram_route route_{};
};

}  // namespace

ENGRAM_PLUGIN(Routes, R"({
    "id": "fake-routes", "version": "1.0.0", "kind": "routes", "provides": ["engram.routes/1"],
    "services": ["engram.host.json/1"],
    "config": {"type": "object", "properties": {"path": {"type": "string", "default": "/fake"}}}})",
              engram::routes)
