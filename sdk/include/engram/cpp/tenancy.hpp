// engram::tenancy - binds a class to engram.tenancy/1: one method a function of tenancy.h, with the same name and C types.
// epoch() has no call and must be noexcept.
#pragma once

#include <engram/cpp/plugin.hpp>
#include <engram/tenancy.h>

namespace engram {
inline namespace skin_1 {

struct tenancy {
    static constexpr const char* id = ENGRAM_TENANCY;

    template <class C>
    static const void* table() {
        static constexpr engram_tenancy_v1 t = {
            sizeof(engram_tenancy_v1), 0,
            thunk<&C::resolve>,
            thunk<&C::member>,
            thunk<&C::get>,
            thunk<&C::list>,
            thunk<&C::apply>,
            thunk<&C::changes>,
            thunk<&C::epoch>};
        return &t;
    }
};

}  // namespace skin_1
}  // namespace engram
