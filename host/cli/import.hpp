// `engram memory import`: a file of JSON lines, in batches that may be sent again without storing anything twice.
#pragma once

#include "cli/client.hpp"

namespace engram::cli {

// 65 if a line was refused (each is told with its number), 66 if the file cannot be read, else as request().
int importFile(const Connect& connect, const Arguments& arguments, Streams streams);

}  // namespace engram::cli
