// engram::routes - binds a class to engram.routes/1: one method a function of routes.h, with the same name and C types.
#pragma once

#include <engram/cpp/plugin.hpp>
#include <engram/routes.h>

namespace engram {
inline namespace skin_1 {

struct routes {
    static constexpr const char* id = ENGRAM_ROUTES;

    template <class C>
    static const void* table() {
        static constexpr engram_routes_v1 t = {
            sizeof(engram_routes_v1), 0,
            thunk<&C::routes>,
            thunk<&C::handle>};
        return &t;
    }
};

}  // namespace skin_1
}  // namespace engram
