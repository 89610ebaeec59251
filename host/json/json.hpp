// JSON as the host accepts and writes it: RapidJSON, hardened. Values; any thread.
//
// Debian's RapidJSON 1.1.0 recurses, skips UTF-8 validation and mis-reads huge exponents (CVE-2024-38517), so parsing
// is iterative, validated, depth-limited, refuses duplicate members, and numbers go through std::from_chars.
#pragma once

#include <engram/cpp/result.hpp>

#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <string>
#include <string_view>

namespace engram::json {

using Value = rapidjson::Value;
using Document = rapidjson::Document;
using Buffer = rapidjson::StringBuffer;
using Writer = rapidjson::Writer<Buffer>;

constexpr unsigned kMaxDepth = 64;

// RFC 8259 text to a document that owns its strings. Errors: invalid_json with the byte offset in the message.
// Integers outside of int64/uint64 and numbers outside of double's range are errors, never changed values.
Result<Document> parse(std::string_view text, unsigned max_depth = kMaxDepth);

std::string write(const Value& value);

inline std::string_view view(const Value& string) { return {string.GetString(), string.GetStringLength()}; }

inline Value copy(std::string_view text, Document::AllocatorType& allocator) {
    return Value(text.data(), static_cast<rapidjson::SizeType>(text.size()), allocator);
}

// Member of an object by name, nullptr if absent (or `object` is none).
const Value* find(const Value& object, std::string_view name);

}  // namespace engram::json
