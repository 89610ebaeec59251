// Checks an instance's configuration against the JSON Schema of its plugin's manifest. Pure; any thread.
//
// The schema language is a part of draft 4: type, properties, required, enum, minimum, maximum,
// exclusiveMinimum, exclusiveMaximum, minLength, maxLength, pattern, items, minItems, maxItems, uniqueItems,
// additionalProperties, default, title, description and x-*. Unlike in draft 4, properties that are not named
// are refused unless additionalProperties says otherwise.
#pragma once

#include <string>
#include <string_view>

#include "json/json.hpp"

namespace engram::loader {

// Is this a schema in the language above, of an object? The message says what is not.
Result<void> checkSchema(const json::Value& schema);

// `config` (a JSON object) with the defaults of absent top-level properties, if the schema allows it. The
// error's pointer names the offending value and its message the rule; a value itself never appears, for it
// may be a secret.
Result<std::string> applySchema(const json::Value& schema, std::string_view config);

}  // namespace engram::loader
