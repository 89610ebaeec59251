// A TOML file as plain values with their lines, so that nobody else includes toml++. Pure but for reading the
// file.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "config/problem.hpp"

namespace engram::config {

struct TomlValue;
struct TomlMember;
using TomlTable = std::vector<TomlMember>;  // not of pairs: a pair needs the whole type, which is not known yet
using TomlArray = std::vector<TomlValue>;

struct TomlValue {
    std::variant<std::string, int64_t, double, bool, TomlArray, TomlTable> value;
    int line = 0;
};

struct TomlMember {
    std::string name;
    TomlValue value;
};

// A text that is already there; `name` is what problems call it.
std::variant<TomlTable, Problems> parseToml(const std::string& text, const std::string& name);

// Problems carry "<path>:<line>"; a duplicate key is one.
std::variant<TomlTable, Problems> readToml(const std::string& path);

}  // namespace engram::config
