// The rows of the table, a file a domain (memory.cpp, search.cpp, workspace.cpp, key.cpp, account.cpp).
#pragma once

#include "operations/operation.hpp"

namespace engram::operations {

std::span<const Operation> memoryOperations();
std::span<const Operation> searchOperations();
std::span<const Operation> workspaceOperations();
std::span<const Operation> keyOperations();
std::span<const Operation> accountOperations();

}  // namespace engram::operations
