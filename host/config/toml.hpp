// A TOML file as plain values with their lines, so that nobody else includes toml++. Pure but for reading the
// file.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "config/problem.hpp"

namespace engram::config {

struct TomlValue;
using TomlTable = std::vector<std::pair<std::string, TomlValue>>;
using TomlArray = std::vector<TomlValue>;

struct TomlValue {
    std::variant<std::string, int64_t, double, bool, TomlArray, TomlTable> value;
    int line = 0;
};

// Problems carry "<path>:<line>"; a duplicate key is one.
std::variant<TomlTable, Problems> readToml(const std::string& path);

}  // namespace engram::config
