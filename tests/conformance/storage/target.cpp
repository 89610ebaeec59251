#include "target.hpp"

#include <cstdlib>
#include <stdexcept>

namespace engram::conformance {
namespace {

// @NAME@ by the environment's value; @unique@ is left for each instance.
std::string fromEnvironment(std::string config) {
    size_t at = 0;
    while ((at = config.find('@', at)) != std::string::npos) {
        const size_t end = config.find('@', at + 1);
        const std::string name = config.substr(at + 1, end == std::string::npos ? end : end - at - 1);
        if (name == "unique") {
            at = end + 1;
            continue;
        }
        const char* value = std::getenv(name.c_str());
        if (!value) throw std::runtime_error("the environment has no " + name);
        config.replace(at, end + 1 - at, value);
        at += std::string_view(value).size();
    }
    return config;
}

}  // namespace

const Target& target() {
    static const Target under_test{UNDER_TEST_PLUGIN, fromEnvironment(UNDER_TEST_CONFIG), UNDER_TEST_DURABLE != 0,
                                   ORACLE_PLUGIN};
    return under_test;
}

}  // namespace engram::conformance
