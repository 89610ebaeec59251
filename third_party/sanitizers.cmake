# ENGRAM_SANITIZE=address: ASan and UBSan; thread: TSan. UBSan runs without vptr, null, alignment and object-size, which
# triple the compile time and say little here; -DENGRAM_SANITIZE_ALL=ON (tests/run --long) adds them.
option(ENGRAM_SANITIZE_ALL "All of UBSan's checks" OFF)
if(ENGRAM_SANITIZE STREQUAL "address")
    string(APPEND CMAKE_C_FLAGS " -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer")
    string(APPEND CMAKE_CXX_FLAGS " -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer")
    if(NOT ENGRAM_SANITIZE_ALL)
        string(APPEND CMAKE_C_FLAGS " -fno-sanitize=vptr,null,alignment,object-size")
        string(APPEND CMAKE_CXX_FLAGS " -fno-sanitize=vptr,null,alignment,object-size")
    endif()
elseif(ENGRAM_SANITIZE STREQUAL "thread")
    string(APPEND CMAKE_C_FLAGS " -fsanitize=thread -fno-omit-frame-pointer")
    # Asio's scheduler fences beside its mutex; TSan knows no fences and g++ says so.
    string(APPEND CMAKE_CXX_FLAGS " -fsanitize=thread -fno-omit-frame-pointer -DBOOST_ASIO_DISABLE_FENCED_BLOCK")
elseif(ENGRAM_SANITIZE)
    message(FATAL_ERROR "ENGRAM_SANITIZE is \"${ENGRAM_SANITIZE}\"; it must be address or thread")
endif()
if(ENGRAM_SANITIZE)
    set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O1 -g1")
    set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O1 -g1")
endif()

# ENGRAM_FUZZ (clang): everything is instrumented for libFuzzer, AddressSanitizer and UBSan; tests/fuzz/run builds so.
# Without pointer-overflow: RapidJSON adds to null pointers.
option(ENGRAM_FUZZ "Build libFuzzer harnesses" OFF)
if(ENGRAM_FUZZ)
    if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang" OR ENGRAM_SANITIZE)
        message(FATAL_ERROR "ENGRAM_FUZZ needs clang (CC=clang CXX=clang++) and no ENGRAM_SANITIZE")
    endif()
    string(APPEND CMAKE_C_FLAGS " -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize=vptr,function,pointer-overflow -fno-sanitize-recover=undefined")
    string(APPEND CMAKE_CXX_FLAGS " -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize=vptr,function,pointer-overflow -fno-sanitize-recover=undefined")
endif()
