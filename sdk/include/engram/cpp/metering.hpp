// engram::metering - binds a class to engram.metering/1: one method a function of metering.h, with the same name and C types.
#pragma once

#include <engram/cpp/plugin.hpp>
#include <engram/metering.h>

namespace engram {
inline namespace skin_1 {

struct metering {
    static constexpr const char* id = ENGRAM_METERING;

    template <class C>
    static const void* table() {
        static constexpr engram_metering_v1 t = {
            sizeof(engram_metering_v1), 0,
            thunk<&C::consume>,
            thunk<&C::query>};
        return &t;
    }
};

}  // namespace skin_1
}  // namespace engram
