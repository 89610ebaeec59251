// An API key's document in the control plane (tenancy.h, kind api_key): made, read, retired. Pure functions but for the
// clock and the random source; any thread.
#pragma once

#include <engram/auth.h>
#include <engram/tenancy.h>

#include <rapidjson/document.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace engram::auth_apikey {

// Milliseconds since the epoch.
int64_t nowMilliseconds();

// RFC 3339 in UTC. parseTime: 0 if the text is not a time.
std::string formatTime(int64_t milliseconds);
int64_t parseTime(std::string_view text);

// A UUID, version 7 (RFC 9562). Throws Failure if the system has no randomness.
std::string mintId();

// Nothing if the JSON is not an object.
std::optional<rapidjson::Document> readDocument(std::string_view json);
std::string writeDocument(const rapidjson::Document& document);
// A member that is text; empty if it is absent, null or of another type.
std::string_view textOf(const rapidjson::Value& object, const char* name);
// Replaces a member by text.
void setText(rapidjson::Document& document, const char* name, const std::string& value);

enum class Reader { Store, Caller };  // a caller never sees the hash

// The document of a key that is being made.
std::string newDocument(const engram_issue_request& request, const std::string& id, const std::string& prefix,
                        const std::string& hash, Reader reader);

// The change that puts `json` in the place of a key's document; borrows all its arguments.
engram_doc_change documentChange(engram_str tenant, const std::string& id, const std::string& json, uint64_t expected);

}  // namespace engram::auth_apikey
