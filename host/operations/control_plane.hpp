// Calls to the tenancy plugin with its statuses made into Errors. Any thread; may block.
#pragma once

#include "json/json.hpp"

#include <engram/cpp/arena_call.hpp>
#include <engram/cpp/result.hpp>
#include <engram/tenancy.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace engram::operations {

// The Error for what a control-plane call returned; `what` names the thing asked for.
Error controlPlaneError(engram_status status, const ArenaCall& call, std::string_view what);

// Calls `each` for every document of a kind in a tenant, page by page.
Result<void> eachDocument(const engram_tenancy_v1* table, void* self, uint32_t kind, const std::string& tenant,
                          const std::function<void(const engram_doc&, const json::Value&)>& each);

// The same for one page of at most `limit` after the id `after`: the id to go on after, empty at the end.
Result<std::string> pageOfDocuments(const engram_tenancy_v1* table, void* self, uint32_t kind, const std::string& tenant,
                                    const std::string& after, uint32_t limit,
                                    const std::function<void(const engram_doc&, const json::Value&)>& each);

struct StoredDocument {
    json::Document document;
    std::string id, tenant;
    uint64_t version = 0;
};

enum class By { Id, Name };

// A document by its id or name, nothing if there is none. `tenant` may be empty where the key is unique over all.
Result<std::optional<StoredDocument>> findDocument(const engram_tenancy_v1* table, void* self, uint32_t kind,
                                                   const std::string& tenant, std::string_view key, By by);

// One change of a document; `json` empty deletes it.
struct DocumentChange {
    uint32_t kind;
    std::string tenant, id, json;
    uint64_t expected;       // version, or 0: must not exist
    uint64_t max_count = 0;  // see engram_doc_change
};

// All or nothing. version_conflict and already_exists may be tried again after reading anew; `what` names the thing.
Result<void> applyDocuments(const engram_tenancy_v1* table, void* self, const std::vector<DocumentChange>& changes,
                            std::string_view what);

// Replaces a member by text.
void setText(json::Document& document, std::string_view name, std::string_view text);

}  // namespace engram::operations
