// Put before every RapidJSON header: without memory RapidJSON throws std::bad_alloc instead of writing to address zero.
//
// Debian's RapidJSON calls std::malloc and std::realloc in one place and never looks at what they return. Inside of its
// namespace "std" is looked up first in rapidjson, so these two are found there, and everything else in ::std.
#pragma once

#include <cstdlib>
#include <new>

namespace rapidjson::std {

using namespace ::std;

inline void* malloc(size_t size) {
    void* memory = ::std::malloc(size);
    if (!memory) throw ::std::bad_alloc();
    return memory;
}

inline void* realloc(void* memory, size_t size) {
    void* moved = ::std::realloc(memory, size);
    if (!moved) throw ::std::bad_alloc();
    return moved;
}

}  // namespace rapidjson::std
