// The rows of the table, a file a domain (memory.cpp, search.cpp, workspace.cpp, key.cpp, member.cpp, ...).
#pragma once

#include "operations/operation.hpp"

namespace engram::operations {

std::span<const Operation> memoryOperations();
std::span<const Operation> bulkOperations();
std::span<const Operation> recordOperations();
std::span<const Operation> duplicateOperations();
std::span<const Operation> searchOperations();
std::span<const Operation> workspaceOperations();
std::span<const Operation> keyOperations();
std::span<const Operation> memberOperations();
std::span<const Operation> inviteOperations();
std::span<const Operation> acceptOperations();
std::span<const Operation> accountOperations();
std::span<const Operation> tenantOperations();
std::span<const Operation> auditOperations();
std::span<const Operation> adminOperations();
std::span<const Operation> embeddingOperations();

}  // namespace engram::operations
