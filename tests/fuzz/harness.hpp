// What every harness is: one function over bytes. libFuzzer calls it with what it makes up, driver.cpp with the seeds and
// regressions of this folder. A harness may keep state that does not depend on earlier inputs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size);

namespace engram::fuzz {

inline std::string_view text(const uint8_t* bytes, size_t size) { return {reinterpret_cast<const char*>(bytes), size}; }

// What must hold for any input. Not assert(): harnesses are built with NDEBUG too.
inline void require(bool holds, const char* what) {
    if (holds) return;
    std::fprintf(stderr, "does not hold: %s\n", what);
    std::abort();
}

}  // namespace engram::fuzz
