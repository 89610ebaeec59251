// Reading members of a JSON document that is hostile until checked. Pure functions.
#pragma once

#include "malformed.hpp"

#include <rapidjson/document.h>

#include <string>
#include <string_view>

namespace engram::embed_static {

using Json = rapidjson::Value;

inline std::string_view textOf(const Json& value) { return {value.GetString(), value.GetStringLength()}; }

// nullptr: no object, no such member, or null.
inline const Json* find(const Json& value, const char* name) {
    if (!value.IsObject()) return nullptr;
    auto it = value.FindMember(name);
    return it == value.MemberEnd() || it->value.IsNull() ? nullptr : &it->value;
}

inline std::string text(const Json& value, const char* name, std::string_view fallback) {
    const Json* found = find(value, name);
    if (!found) return std::string(fallback);
    if (!found->IsString()) throw Malformed(std::string("'") + name + "' is not a string");
    return std::string(textOf(*found));
}

enum class Flag { No, Yes };

inline Flag flag(const Json& value, const char* name, Flag fallback) {
    const Json* found = find(value, name);
    if (!found) return fallback;
    if (!found->IsBool()) throw Malformed(std::string("'") + name + "' is not true or false");
    return found->IsTrue() ? Flag::Yes : Flag::No;
}

}  // namespace engram::embed_static
