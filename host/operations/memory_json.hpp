// Memories between JSON and the engine's structs. Pure functions; any thread.
#pragma once

#include "engine/memory.hpp"
#include "json/json.hpp"

#include <engram/cpp/result.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace engram::operations {

void writeText(json::Writer& out, std::string_view text);
void writeMember(json::Writer& out, std::string_view name, std::string_view text);
// RFC 3339, or null.
void writeTime(json::Writer& out, std::string_view name, std::optional<int64_t> time);
void writeMemory(json::Writer& out, const engine::Memory& memory);
// The member "error" of an item: {code, detail, hint, pointer}.
void writeError(json::Writer& out, const Error& error);
// "created", "merged", ...
std::string_view outcomeName(engine::Written::Outcome outcome);

// `value` has passed the schema new_memory; `pointer` is where it stands in the request.
Result<engine::NewMemory> readNewMemory(const json::Value& value, int64_t now, const std::string& pointer);
// `value` has passed the input schema of memory.update.
Result<engine::MemoryPatch> readPatch(const json::Value& value, int64_t now);

// An RFC 3339 member: absent, null (inner nullopt) or a time.
Result<std::optional<std::optional<int64_t>>> readTime(const json::Value& object, std::string_view name,
                                                       const std::string& pointer);

// The texts of an array that may be absent.
std::vector<std::string> readTexts(const json::Value& input, std::string_view name);
Result<engine::Uuid> readId(const json::Value& input);
std::string_view textOr(const json::Value& object, std::string_view name, std::string_view fallback);
uint64_t numberOr(const json::Value& object, std::string_view name, uint64_t fallback);

}  // namespace engram::operations
