#include "target.hpp"

namespace engram::conformance {

const Target& target() {
    static const Target under_test{UNDER_TEST_PLUGIN, UNDER_TEST_CONFIG, UNDER_TEST_DURABLE != 0,
                                   ORACLE_PLUGIN};
    return under_test;
}

}  // namespace engram::conformance
