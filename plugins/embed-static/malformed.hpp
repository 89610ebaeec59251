// What is thrown for a model file that is not what it should be, caught where the model is opened. Values.
#pragma once

#include <stdexcept>
#include <string>

namespace engram::embed_static {

// A file that is not what it should be. The message names the part that is wrong.
struct Malformed : std::runtime_error {
    using std::runtime_error::runtime_error;
};

}  // namespace engram::embed_static
