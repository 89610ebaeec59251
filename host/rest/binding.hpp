// How each operation is reached over REST: method, path, where its input members come from, and the success status.
// Constants; any thread.
#pragma once

#include <span>
#include <string_view>

namespace engram::rest {

enum class From { Path, Query, Header };

enum class Shape { Text, Integer, Flag, Json };

struct Parameter {
    From from;
    std::string_view name;    // in the path, query or header (lower case)
    std::string_view member;  // of the operation's input
    Shape shape;
    std::string_view summary;
};

enum class Body { None, Input };  // Input: the body is the rest of the input

struct Binding {
    std::string_view method;
    std::string_view path;  // "/v1/memories/{id}:revert": a segment may end in a verb
    std::string_view operation;
    int success;
    Body body;
    std::span<const Parameter> parameters;
};

// All REST routes, in the order of the documentation.
std::span<const Binding> bindings();

}  // namespace engram::rest
