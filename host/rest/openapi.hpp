// The OpenAPI 3.1 document, generated from the table of operations and the REST bindings. Pure; any thread.
#pragma once

#include <string>

namespace engram::rest {

// Pretty-printed JSON with a stable order of members.
std::string openapiDocument();

}  // namespace engram::rest
