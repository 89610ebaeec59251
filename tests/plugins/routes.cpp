// One public page and one for those with a scope.
#include <engram/cpp/routes.hpp>

namespace {

using engram::borrow;

const engram_route kRoutes[] = {
    {sizeof(engram_route), ENGRAM_ROUTE_PUBLIC, borrow("GET"), borrow("/tiny/{name}"), {}, 0},
    {sizeof(engram_route), ENGRAM_ROUTE_AUTHENTICATED, borrow("POST"), borrow("/tiny"), borrow("memory:read"), 100},
};

class TinyRoutes {
public:
    TinyRoutes(engram::Host, engram::Config) {}

    engram_status routes(engram_call*, const engram_route** out, size_t* n) {
        *out = kRoutes;
        *n = 2;
        return ENGRAM_OK;
    }
    engram_status handle(engram_call* call, size_t route, const engram_request* request, const engram_reply* reply) {
        const engram_kv type = {borrow("content-type"), borrow("text/plain")};
        if (const engram_status status = reply->head(reply->ctx, 200, &type, 1); status != ENGRAM_OK) return status;
        const std::string text = route == 0 ? "hello " + std::string(engram::view(request->params[0].value))
                                            : std::string(engram::view(call->tenant)) + " sent " +
                                                  std::string(engram::view(request->body));
        return reply->body(reply->ctx, engram::borrowBytes(text));
    }
};

}  // namespace

ENGRAM_PLUGIN(TinyRoutes, R"({"id": "tiny-routes", "version": "1.0.0", "kind": "routes", "provides": ["engram.routes/1"]})",
              engram::routes)
