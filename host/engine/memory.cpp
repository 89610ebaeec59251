#include "engine/memory.hpp"

#include "engine/time.hpp"
#include "json/json.hpp"

#include <cmath>
#include <utility>

namespace engram::engine {
namespace {

constexpr unsigned kMaxMetadataDepth = 16;

Error invalid(std::string pointer, std::string message, std::string hint = {}) {
    return {"invalid_value", std::move(message), std::move(hint), std::move(pointer)};
}

bool isLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool isDigit(char c) { return c >= '0' && c <= '9'; }

Result<void> validateTags(const std::vector<std::string>& tags) {
    if (tags.size() > kMaxTags) return invalid("/tags", "more than 64 tags");
    for (size_t i = 0; i < tags.size(); ++i)
        if (tags[i].empty() || tags[i].size() > kMaxTag || tags[i].find('\0') != std::string::npos)
            return invalid("/tags/" + std::to_string(i), "a tag has 1 to 128 bytes without NUL");
    return {};
}

Result<void> validateType(const std::string& type) {
    bool fits = !type.empty() && type.size() <= 64 && type[0] >= 'a' && type[0] <= 'z';
    for (char c : type) fits = fits && ((c >= 'a' && c <= 'z') || isDigit(c) || c == '_' || c == '-');
    if (fits) return {};
    return invalid("/type", "'" + type.substr(0, 64) + "' is not a type",
                   "start with a lower-case letter; then letters, digits, _ and -, at most 64");
}

Result<void> validateTime(const std::optional<int64_t>& time, const char* pointer) {
    if (!time || (*time >= kEarliestTime && *time <= kLatestTime)) return {};
    return invalid(pointer, "a time must lie in the years 1 to 9999");
}

}  // namespace

Result<void> validateWorkspace(std::string_view name) {
    bool fits = !name.empty() && name.size() <= 128 && (isLetter(name[0]) || isDigit(name[0]));
    for (char c : name)
        fits = fits && (isLetter(c) || isDigit(c) || std::string_view("._:/@-").find(c) != std::string_view::npos);
    if (fits) return {};
    return invalid("/workspace", "'" + std::string(name.substr(0, 64)) + "' is not a workspace name",
                   "start with a letter or digit; then letters, digits and ._:/@-, at most 128");
}

Memory firstVersion(MemoryFields given, int64_t now) {
    Memory memory;
    static_cast<MemoryFields&>(memory) = std::move(given);
    memory.id = mintUuid(now);
    memory.created_at = memory.updated_at = now;
    memory.version = 1;
    return memory;
}

Result<void> validate(const MemoryFields& memory) {
    if (memory.content.empty()) return invalid("/content", "content is empty", "send the text to remember");
    if (memory.content.size() > kMaxContent)
        return Error{"content_too_large", "content has " + std::to_string(memory.content.size()) + " bytes", "",
                     "/content"};
    if (memory.content.find('\0') != std::string::npos) return invalid("/content", "content has a NUL character");
    if (auto ok = validateWorkspace(memory.workspace); !ok) return ok;
    if (auto ok = validateType(memory.type); !ok) return ok;
    if (auto ok = validateTags(memory.tags); !ok) return ok;
    if (memory.metadata.size() > kMaxMetadata) return invalid("/metadata", "metadata is over 64 KiB");
    if (auto parsed = json::parse(memory.metadata, kMaxMetadataDepth); !parsed || !parsed->IsObject())
        return invalid("/metadata", "metadata must be a JSON object, nested at most 16 deep");
    if (!std::isfinite(memory.importance) || memory.importance < 0 || memory.importance > 1)
        return invalid("/importance", "importance must be from 0 to 1");
    for (const auto& [time, pointer] : {std::pair(memory.occurred_at, "/occurred_at"), {memory.expires_at, "/expires_at"},
                                        {memory.valid_from, "/valid_from"}, {memory.valid_until, "/valid_until"}})
        if (auto ok = validateTime(time, pointer); !ok) return ok;
    if (memory.valid_from && memory.valid_until && *memory.valid_until <= *memory.valid_from)
        return invalid("/valid_until", "valid_until is not after valid_from");
    if (memory.pinned && memory.expires_at)
        return invalid("/pinned", "a pinned memory does not expire", "send tier permanent too, or do not pin it");
    return {};
}

}  // namespace engram::engine
