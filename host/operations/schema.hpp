// JSON Schemas compiled once and input checked against them, with messages a person can act on.
//
// RapidJSON's validator decides (draft 4); this file turns its verdict into an Error: the pointer of the offending
// value, what was expected there, and for an unknown member the closest known one. Immutable; any thread.
#pragma once

#include "json/json.hpp"

#include <engram/cpp/result.hpp>

#include <rapidjson/schema.h>

#include <memory>
#include <string_view>

namespace engram::operations {

class Schema {
public:
    // `text` may refer to #/definitions/<name>. Throws std::logic_error if it is not a JSON object: schemas are ours.
    explicit Schema(std::string_view text);

    // invalid_request or unknown_field.
    Result<void> check(const json::Value& value) const;

private:
    json::Document document_;
    std::unique_ptr<rapidjson::SchemaDocument> compiled_;
};

}  // namespace engram::operations
