// The JSON Schema definitions that operations share, as one JSON object; referred to as #/definitions/<name>.
#pragma once

#include <string_view>

namespace engram::operations {

std::string_view definitions();

}  // namespace engram::operations
