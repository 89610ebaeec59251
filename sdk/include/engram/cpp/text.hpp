// Strings across the border: views in, arena copies out.
#pragma once

#include <engram/call.h>

#include <cstddef>
#include <cstring>
#include <new>
#include <string_view>

namespace engram {

inline std::string_view view(engram_str s) { return {s.ptr ? s.ptr : "", s.len}; }
inline std::string_view view(engram_bytes b) { return {b.ptr ? static_cast<const char*>(b.ptr) : "", b.len}; }
inline engram_str borrow(std::string_view s) { return {s.data(), s.size()}; }
inline engram_bytes borrowBytes(std::string_view s) { return {s.data(), s.size()}; }

// Memory of the call's arena; throws std::bad_alloc when its budget is spent (the thunk makes it UNAVAILABLE).
inline void* allocate(engram_call* call, size_t n, size_t align = alignof(std::max_align_t)) {
    void* p = call->ops->alloc(call, n ? n : 1, align);
    if (!p) throw std::bad_alloc();
    return p;
}

inline engram_str keep(engram_call* call, std::string_view s) {
    char* p = static_cast<char*>(allocate(call, s.size(), 1));
    if (!s.empty()) std::memcpy(p, s.data(), s.size());
    return {p, s.size()};
}

inline engram_bytes keepBytes(engram_call* call, std::string_view s) {
    engram_str kept = keep(call, s);
    return {kept.ptr, kept.len};
}

// An uninitialised array of n T in the arena, for trivial T.
template <class T>
T* allocateArray(engram_call* call, size_t n) {
    return static_cast<T*>(allocate(call, n * sizeof(T), alignof(T)));
}

inline engram_status fail(engram_call* call, engram_status status, std::string_view why) {
    return call->ops->fail(call, status, borrow(why));
}

}  // namespace engram
