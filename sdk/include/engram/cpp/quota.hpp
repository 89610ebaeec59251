// engram::quota - binds a class to engram.quota/1: one method a function of quota.h, with the same name and C types; limits is
// optional.
#pragma once

#include <engram/cpp/plugin.hpp>
#include <engram/quota.h>

namespace engram {
inline namespace skin_1 {

struct quota {
    static constexpr const char* id = ENGRAM_QUOTA;

    template <class C>
    static constexpr auto limitsOf() -> decltype(engram_quota_v1::limits) {
        if constexpr (requires { &C::limits; }) return thunk<&C::limits>;
        else return nullptr;
    }

    template <class C>
    static const void* table() {
        static constexpr engram_quota_v1 t = {
            sizeof(engram_quota_v1), 0,
            thunk<&C::reserve>,
            thunk<&C::settle>,
            limitsOf<C>()};
        return &t;
    }
};

}  // namespace skin_1
}  // namespace engram
