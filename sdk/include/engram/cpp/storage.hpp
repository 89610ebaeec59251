// engram::storage - binds a class to engram.storage/1: one method a function of storage.h, with the same name and C types.
// end() has no call and must be noexcept. check(), matchBest(), similarTerms() and companions() may be left out of the
// class.
#pragma once

#include <engram/cpp/plugin.hpp>
#include <engram/storage.h>

namespace engram {
inline namespace skin_1 {

struct storage {
    static constexpr const char* id = ENGRAM_STORAGE;

    template <class C>
    static constexpr auto checkOf() {
        if constexpr (requires { &C::check; }) return thunk<&C::check>;
        else return nullptr;
    }

    // As may unfilled(), fill() and spacePrepare(), together.
    template <class C>
    static constexpr auto unfilledOf() {
        if constexpr (requires { &C::unfilled; }) return thunk<&C::unfilled>;
        else return nullptr;
    }
    template <class C>
    static constexpr auto fillOf() {
        if constexpr (requires { &C::fill; }) return thunk<&C::fill>;
        else return nullptr;
    }
    template <class C>
    static constexpr auto spacePrepareOf() {
        if constexpr (requires { &C::spacePrepare; }) return thunk<&C::spacePrepare>;
        else return nullptr;
    }

    template <class C>
    static constexpr auto matchBestOf() {
        if constexpr (requires { &C::matchBest; }) return thunk<&C::matchBest>;
        else return nullptr;
    }

    template <class C>
    static constexpr auto similarTermsOf() {
        if constexpr (requires { &C::similarTerms; }) return thunk<&C::similarTerms>;
        else return nullptr;
    }

    template <class C>
    static constexpr auto companionsOf() {
        if constexpr (requires { &C::companions; }) return thunk<&C::companions>;
        else return nullptr;
    }

    template <class C>
    static const void* table() {
        static constexpr engram_storage_v1 t = {
            sizeof(engram_storage_v1), 0,
            thunk<&C::open>,
            thunk<&C::close>,
            thunk<&C::stats>,
            thunk<&C::erase>,
            thunk<&C::apply>,
            thunk<&C::begin>,
            thunk<&C::end>,
            thunk<&C::get>,
            thunk<&C::list>,
            thunk<&C::history>,
            thunk<&C::edges>,
            thunk<&C::terms>,
            thunk<&C::expand>,
            thunk<&C::match>,
            thunk<&C::nearest>,
            thunk<&C::spaceCreate>,
            thunk<&C::spaceActivate>,
            thunk<&C::spaceDrop>,
            thunk<&C::spaces>,
            thunk<&C::changes>,
            thunk<&C::hold>,
            thunk<&C::snapshot>,
            thunk<&C::restore>,
            checkOf<C>(),
            unfilledOf<C>(),
            fillOf<C>(),
            spacePrepareOf<C>(),
            matchBestOf<C>(),
            similarTermsOf<C>(),
            companionsOf<C>()};
        return &t;
    }
};

}  // namespace skin_1
}  // namespace engram
