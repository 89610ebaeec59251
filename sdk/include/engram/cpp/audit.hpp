// engram::audit - binds a class to engram.audit/1: one method a function of audit.h, with the same name and C types; query
// and verify are optional.
#pragma once

#include <engram/audit.h>
#include <engram/cpp/plugin.hpp>

namespace engram {
inline namespace skin_1 {

struct audit {
    static constexpr const char* id = ENGRAM_AUDIT;

    template <class C>
    static constexpr auto queryOf() -> decltype(engram_audit_v1::query) {
        if constexpr (requires { &C::query; }) return thunk<&C::query>;
        else return nullptr;
    }
    template <class C>
    static constexpr auto verifyOf() -> decltype(engram_audit_v1::verify) {
        if constexpr (requires { &C::verify; }) return thunk<&C::verify>;
        else return nullptr;
    }

    template <class C>
    static const void* table() {
        static constexpr engram_audit_v1 t = {sizeof(engram_audit_v1), 0, thunk<&C::consume>, queryOf<C>(), verifyOf<C>()};
        return &t;
    }
};

}  // namespace skin_1
}  // namespace engram
