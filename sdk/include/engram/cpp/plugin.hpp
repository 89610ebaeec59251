// The C++ skin of a plugin: a plain class becomes the tables of the C ABI.
//
// thunk<&Class::method> turns `engram_status method(engram_call*, Args...)` into the C function of a table: it is
// noexcept and maps exceptions to a status, so nothing is thrown across the border. ENGRAM_PLUGIN(Class, manifest,
// interfaces...) defines the entry point; an interface is a tag such as engram::auth (cpp/auth.hpp).
#pragma once

#include <engram/cpp/config.hpp>
#include <engram/cpp/host.hpp>
#include <engram/cpp/text.hpp>
#include <engram/plugin.h>

#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <type_traits>

namespace engram {
inline namespace skin_1 {

// Thrown by a plugin where a status is to be returned from a constructor or deep inside.
struct Failure : std::exception {
    engram_status status;
    std::string message;
    Failure(engram_status s, std::string m) : status(s), message(std::move(m)) {}
    const char* what() const noexcept override { return message.c_str(); }
};

template <class F>
engram_status guarded(engram_call* call, F&& body) noexcept {
    try {
        return body();
    } catch (const Failure& e) {
        return fail(call, e.status, e.message);
    } catch (const std::bad_alloc&) {
        return fail(call, ENGRAM_UNAVAILABLE, "out of memory for this call");
    } catch (const std::exception& e) {
        return fail(call, ENGRAM_INTERNAL, e.what());
    } catch (...) {
        return fail(call, ENGRAM_INTERNAL, "unknown exception");
    }
}

template <auto Method>
struct Thunk;

template <class C, class... Args, engram_status (C::*Method)(engram_call*, Args...)>
struct Thunk<Method> {
    static engram_status call(void* self, engram_call* c, Args... args) noexcept {
        return guarded(c, [&] { return (static_cast<C*>(self)->*Method)(c, args...); });
    }
};

// Functions without a call cannot report, so they must not throw: noexcept methods only.
template <class C, class R, class... Args, R (C::*Method)(Args...) noexcept>
struct Thunk<Method> {
    static R call(void* self, Args... args) noexcept { return (static_cast<C*>(self)->*Method)(args...); }
};

template <auto Method>
inline constexpr auto thunk = &Thunk<Method>::call;

// A function for engram.host.tasks/1: what it throws ends this run of the task, not the server. Nobody is there to be told;
// a task that can fail in ways that people should know of logs them itself.
template <void (*Run)(void *, engram_call *)>
void guardedTask(void* arg, engram_call* call) noexcept {
    guarded(call, [&]() -> engram_status {
        Run(arg, call);
        return ENGRAM_OK;
    });
}

template <class C, class... Interfaces>
struct PluginTable {
    static engram_status create(const engram_host* host, engram_str config, engram_call* call, void** self) noexcept {
        return guarded(call, [&] {
            *self = new C(Host(host), Config(host, call, config));
            return ENGRAM_OK;
        });
    }
    static engram_status start(void* self, engram_call* call) noexcept {
        return guarded(call, [&]() -> engram_status {
            if constexpr (requires(C& c) { c.start(call); }) return static_cast<C*>(self)->start(call);
            return ENGRAM_OK;
        });
    }
    static engram_status stop(void* self, engram_call* call) noexcept {
        return guarded(call, [&]() -> engram_status {
            if constexpr (requires(C& c) { c.stop(call); }) return static_cast<C*>(self)->stop(call);
            return ENGRAM_OK;
        });
    }
    static engram_status health(void* self, engram_call* call) noexcept {
        return guarded(call, [&]() -> engram_status {
            if constexpr (requires(C& c) { c.health(call); }) return static_cast<C*>(self)->health(call);
            return ENGRAM_OK;
        });
    }
    static void destroy(void* self) noexcept { delete static_cast<C*>(self); }
    static const void* get(void*, const char* id) noexcept {
        const void* found = nullptr;
        ((found = found ? found : (std::strcmp(id, Interfaces::id) == 0 ? Interfaces::template table<C>() : nullptr)),
         ...);
        return found;
    }
    static constexpr engram_plugin table = {sizeof(engram_plugin), ENGRAM_ABI_MINOR, &create, &start, &stop,
                                            &destroy,              &get,             &health};
};

}  // namespace skin_1
}  // namespace engram

#define ENGRAM_PLUGIN(Class, manifest, ...)                                        \
    ENGRAM_MANIFEST(manifest);                                                     \
    extern "C" ENGRAM_EXPORT const engram_plugin* engram_plugin_v1(void) {         \
        return &engram::PluginTable<Class, __VA_ARGS__>::table;                    \
    }
