// What is wrong with a configuration or a plugin: where, what, and what to do. A value.
#pragma once

#include <string>
#include <vector>

namespace engram::config {

struct Problem {
    std::string where;  // "etc/engram/oss.toml:12", a plugin's file, "--set"
    std::string message;
    std::string hint;

    std::string text() const { return where + ": " + message + (hint.empty() ? "" : "\n  fix: " + hint); }
};

using Problems = std::vector<Problem>;

}  // namespace engram::config
