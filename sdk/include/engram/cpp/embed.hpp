// engram::embed - binds a class to engram.embed/1: one method a function of embed.h, with the same name and C types.
#pragma once

#include <engram/cpp/plugin.hpp>
#include <engram/embed.h>

namespace engram {
inline namespace skin_1 {

struct embed {
    static constexpr const char* id = ENGRAM_EMBED;

    template <class C>
    static const void* table() {
        static constexpr engram_embed_v1 t = {
            sizeof(engram_embed_v1), 0,
            thunk<&C::info>,
            thunk<&C::embed>};
        return &t;
    }
};

}  // namespace skin_1
}  // namespace engram
