#include "engine/session.hpp"

#include "engine/digest.hpp"
#include "json/json.hpp"

#include <engram/record.h>

namespace engram::engine {

std::optional<std::string> sessionOf(std::string_view metadata) {
    if (metadata.find("\"session") == std::string_view::npos && metadata.find('\\') == std::string_view::npos)
        return std::nullopt;
    auto document = json::parse(metadata);
    if (!document || !document->IsObject()) return std::nullopt;
    for (const char* name : {"session", "session_id"}) {
        const json::Value* value = json::find(*document, name);
        if (!value) continue;
        if (value->IsString() && value->GetStringLength() > 0) return std::string(json::view(*value));
        if (value->IsInt64()) return std::to_string(value->GetInt64());
    }
    return std::nullopt;
}

std::string sessionTerm(std::string_view workspace, std::string_view session) {
    std::string named(workspace);
    named += '\0';
    named += session;
    return ENGRAM_GROUP_MARK + hexDigest(named, 16);
}

}  // namespace engram::engine
