// The codes of findings, for comparison.
#pragma once

#include "health/issue.hpp"

#include <string>

namespace engram::health {

// "disk_full filesystem_unsafe"
inline std::string codesOf(const Findings& findings) {
    std::string out;
    for (const Finding& found : findings) out += (out.empty() ? "" : " ") + found.code;
    return out;
}

}  // namespace engram::health
