// ${env:NAME}, ${file:/path}, ${xdg:data|config|state|runtime} and ${exe} in configuration values.
#pragma once

#include <engram/cpp/result.hpp>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace engram::config {

struct Surroundings {
    std::function<std::optional<std::string>(const std::string&)> environment;  // a variable's value
    std::string exe_folder;                                                     // of the running executable
};

struct Interpolated {
    std::string text;
    enum class Origin { Plain, Secret } origin = Origin::Plain;  // Secret: from env or file, never shown
};

// The error's message names the reference that cannot be resolved.
Result<Interpolated> interpolate(std::string_view text, const Surroundings& surroundings);

}  // namespace engram::config
