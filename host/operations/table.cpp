#include "operations/domains.hpp"
#include "operations/operation.hpp"

#include <vector>

namespace engram::operations {

std::span<const Operation> all() {
    static const std::vector<Operation> table = [] {
        std::vector<Operation> rows;
        for (auto domain : {memoryOperations(), bulkOperations(), recordOperations(), duplicateOperations(), searchOperations(), workspaceOperations(),
                            keyOperations(), memberOperations(), inviteOperations(), acceptOperations(), accountOperations(),
                            tenantOperations(), auditOperations(), embeddingOperations(), adminOperations()})
            rows.insert(rows.end(), domain.begin(), domain.end());
        return rows;
    }();
    return table;
}

const Operation* find(std::string_view name) {
    for (const Operation& operation : all())
        if (operation.name == name) return &operation;
    return nullptr;
}

}  // namespace engram::operations
