# How each library is found. Everything is a Debian package (third_party/README.md has versions and licences).
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(Poco REQUIRED COMPONENTS Foundation Util Net Crypto NetSSL Data DataSQLite)
find_package(RapidJSON REQUIRED)
find_package(prometheus-cpp CONFIG REQUIRED COMPONENTS core)
pkg_check_modules(sqlite3 REQUIRED IMPORTED_TARGET sqlite3)
pkg_check_modules(libpq REQUIRED IMPORTED_TARGET libpq)
pkg_check_modules(argon2 REQUIRED IMPORTED_TARGET libargon2)
pkg_check_modules(utf8proc REQUIRED IMPORTED_TARGET libutf8proc)
pkg_check_modules(tomlplusplus REQUIRED IMPORTED_TARGET tomlplusplus)
if(ENGRAM_TESTS)
    pkg_check_modules(cppunit REQUIRED IMPORTED_TARGET cppunit)
endif()

# Header-only Boost 1.81 (Asio, Beast's parser, DLL); the symlink below /usr/include may point at another version.
find_path(ENGRAM_BOOST_INCLUDE boost/asio.hpp REQUIRED)
file(STRINGS "${ENGRAM_BOOST_INCLUDE}/boost/version.hpp" boost_version REGEX "define BOOST_VERSION ")
if(NOT boost_version MATCHES "1081")
    message(FATAL_ERROR "Boost 1.81 is needed (package libboost1.81-dev), found: ${boost_version}")
endif()

# RapidJSON, hardened: iterative parser, encodings validated, depth limited by the caller (host/json). Its asserts are
# exceptions nowhere: input never reaches one.
add_library(engram_rapidjson INTERFACE)
target_include_directories(engram_rapidjson SYSTEM INTERFACE ${RapidJSON_INCLUDE_DIRS} ${RAPIDJSON_INCLUDE_DIRS})
target_compile_definitions(engram_rapidjson INTERFACE RAPIDJSON_HAS_STDSTRING=1 RAPIDJSON_HAS_CXX11_RANGE_FOR=1)
# Out of memory is an exception, not a crash.
target_compile_options(engram_rapidjson INTERFACE
    "$<$<COMPILE_LANGUAGE:CXX>:SHELL:-include ${CMAKE_CURRENT_LIST_DIR}/rapidjson_allocation.hpp>")
