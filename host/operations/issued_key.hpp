// API keys as operations make and show them, over whatever auth plugin makes keys. Any thread; may block.
#pragma once

#include "json/json.hpp"
#include "operations/services.hpp"

#include <engram/cpp/result.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace engram::operations {

struct KeyRequest {
    std::string tenant, name, created_by;
    std::string member;  // user id of the member it acts for; empty = of nobody
    std::vector<std::string> scopes;
    engram_time expires_at = ENGRAM_TIME_NONE;
    std::string environment = "live";
    std::string replaces;  // id of the key that is being rotated
    uint64_t overlap_ms = 0;
};

struct IssuedKey {
    std::string secret;  // exists nowhere else
    json::Document document;
};

// not_implemented if no auth plugin makes keys; key_not_found for a `replaces` that is not there.
Result<IssuedKey> issueKey(Services& services, const KeyRequest& request);

// The document of a key as clients see it: never the hash.
void writeKey(json::Writer& out, const json::Value& document);
std::string keyJson(const json::Value& document);
// {"secret", "key"} as members of an object that is open.
void writeIssuedKey(json::Writer& out, const IssuedKey& key);

// A JSON object with the member "key" added, where a key was made along with it: for audit events.
std::string withKey(std::string object, const json::Value* document);

Error keyNotFound(std::string_view id);

}  // namespace engram::operations
