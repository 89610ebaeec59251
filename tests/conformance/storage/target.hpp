// Which plugin an executable of the suite tests. target.cpp is compiled once a plugin; all else once.
#pragma once

#include <string>

namespace engram::conformance {

struct Target {
    std::string path, config;
    bool durable;        // keeps its state over stop and create
    std::string oracle;  // path of storage-memory
};

const Target& target();

}  // namespace engram::conformance
