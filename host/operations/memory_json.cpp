#include "operations/memory_json.hpp"

#include "engine/time.hpp"
#include "operations/private_text.hpp"

namespace engram::operations {
namespace {

std::vector<std::string> readTags(const json::Value& value) {
    std::vector<std::string> tags;
    for (const auto& tag : value.GetArray()) tags.emplace_back(json::view(tag));
    return tags;
}

// The content, without private spans if that is asked for.
Result<std::string> readContent(const json::Value& value, const json::Value& content, const std::string& pointer) {
    if (textOr(value, "private", "keep") != "strip") return std::string(json::view(content));
    std::string left = withoutPrivate(json::view(content));
    if (left.find_first_not_of(" \t\r\n") != std::string::npos) return left;
    return Error{"invalid_value", "nothing is left of the content without its private spans", "send text outside of them",
                 pointer + "/content"};
}

engine::OnDuplicate readOnDuplicate(const json::Value& value) {
    const std::string_view name = textOr(value, "on_duplicate", "allow");
    if (name == "reject") return engine::OnDuplicate::Reject;
    if (name == "skip") return engine::OnDuplicate::Skip;
    if (name == "merge") return engine::OnDuplicate::Merge;
    return engine::OnDuplicate::Allow;
}

// expires_at, or ttl_seconds from now, or the tier's: daily is a day, permanent never.
Result<std::optional<std::optional<int64_t>>> readExpiry(const json::Value& value, int64_t now,
                                                         const std::string& pointer) {
    using Answer = std::optional<std::optional<int64_t>>;
    const json::Value* ttl = json::find(value, "ttl_seconds");
    if (ttl && json::find(value, "expires_at"))
        return Error{"invalid_request", "expires_at and ttl_seconds exclude each other", "send one of them",
                     pointer + "/ttl_seconds"};
    auto given = ttl ? Result<Answer>(Answer(now + ttl->GetInt64() * 1000)) : readTime(value, "expires_at", pointer);
    if (given && *given && **given && ***given <= now)
        return Error{"invalid_value", "expires_at is in the past", "choose a later time, or delete the memory",
                     pointer + "/expires_at"};
    const std::string_view tier = textOr(value, "tier", "");
    if (!given || tier.empty()) return given;
    const bool expires = *given && **given, never = *given && !**given;
    if (tier == "daily" && never)
        return Error{"invalid_request", "a daily memory expires", "leave expires_at out: it is a day then", pointer + "/tier"};
    if (tier == "daily") return expires ? given : Result<Answer>(Answer(now + engine::kDailyTtl));
    if (expires)
        return Error{"invalid_request", "a permanent memory does not expire", "leave tier or the time of expiry out",
                     pointer + "/tier"};
    return Answer(std::optional<int64_t>());
}

struct TimeField {
    const char* name;
    std::optional<int64_t> engine::MemoryFields::* of_memory;
    std::optional<std::optional<int64_t>> engine::MemoryPatch::* of_patch;
};

constexpr TimeField kTimes[] = {
    {"occurred_at", &engine::MemoryFields::occurred_at, &engine::MemoryPatch::occurred_at},
    {"valid_from", &engine::MemoryFields::valid_from, &engine::MemoryPatch::valid_from},
    {"valid_until", &engine::MemoryFields::valid_until, &engine::MemoryPatch::valid_until},
};

}  // namespace

void writeText(json::Writer& out, std::string_view text) {
    out.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
}

void writeMember(json::Writer& out, std::string_view name, std::string_view text) {
    out.Key(name.data(), static_cast<rapidjson::SizeType>(name.size()));
    writeText(out, text);
}

void writeTime(json::Writer& out, std::string_view name, std::optional<int64_t> time) {
    out.Key(name.data(), static_cast<rapidjson::SizeType>(name.size()));
    if (time) writeText(out, engine::formatTime(*time));
    else out.Null();
}

void writeMemory(json::Writer& out, const engine::Memory& memory) {
    out.StartObject();
    writeMember(out, "id", memory.id.text());
    writeMember(out, "workspace", memory.workspace);
    writeMember(out, "type", memory.type);
    writeMember(out, "content", memory.content);
    out.Key("tags");
    out.StartArray();
    for (const std::string& tag : memory.tags) writeText(out, tag);
    out.EndArray();
    out.Key("metadata");
    const std::string_view metadata = memory.metadata.empty() ? "{}" : std::string_view(memory.metadata);
    out.RawValue(metadata.data(), metadata.size(), rapidjson::kObjectType);
    out.Key("importance");
    out.Double(memory.importance);
    out.Key("pinned");
    out.Bool(memory.pinned);
    writeMember(out, "tier", engine::tierOf(memory));
    writeTime(out, "occurred_at", memory.occurred_at);
    writeTime(out, "expires_at", memory.expires_at);
    writeTime(out, "valid_from", memory.valid_from);
    writeTime(out, "valid_until", memory.valid_until);
    writeTime(out, "created_at", memory.created_at);
    writeTime(out, "updated_at", memory.updated_at);
    out.Key("version");
    out.Uint64(memory.version);
    out.EndObject();
}

void writeError(json::Writer& out, const Error& error) {
    out.Key("error");
    out.StartObject();
    writeMember(out, "code", error.code);
    writeMember(out, "detail", error.message);
    writeMember(out, "hint", error.hint);
    writeMember(out, "pointer", error.pointer);
    out.EndObject();
}

std::string_view outcomeName(engine::Written::Outcome outcome) {
    using Outcome = engine::Written::Outcome;
    switch (outcome) {
        case Outcome::Created: return "created";
        case Outcome::Merged: return "merged";
        case Outcome::Skipped: return "skipped";
        case Outcome::Changed: return "changed";
        case Outcome::Unchanged: return "unchanged";
        case Outcome::Deleted: return "deleted";
        case Outcome::Refused: return "refused";
    }
    return "refused";
}

std::vector<std::string> readTexts(const json::Value& input, std::string_view name) {
    const json::Value* value = json::find(input, name);
    return value ? readTags(*value) : std::vector<std::string>();
}

Result<std::optional<std::optional<int64_t>>> readTime(const json::Value& object, std::string_view name,
                                                       const std::string& pointer) {
    using Answer = std::optional<std::optional<int64_t>>;
    const json::Value* value = json::find(object, name);
    if (!value) return Answer();
    if (value->IsNull()) return Answer(std::optional<int64_t>());
    const auto time = engine::parseTime(json::view(*value));
    if (!time)
        return Error{"invalid_value", std::string(name) + " is not an RFC 3339 date and time",
                     "write it like 2026-01-31T09:30:00Z", pointer + "/" + std::string(name)};
    return Answer(std::optional<int64_t>(*time));
}

Result<engine::NewMemory> readNewMemory(const json::Value& value, int64_t now, const std::string& pointer) {
    engine::NewMemory memory;
    auto content = readContent(value, *json::find(value, "content"), pointer);
    if (!content) return content.error();
    memory.content = std::move(*content);
    if (auto* workspace = json::find(value, "workspace")) memory.workspace = json::view(*workspace);
    if (auto* type = json::find(value, "type")) memory.type = json::view(*type);
    if (auto* tags = json::find(value, "tags")) memory.tags = readTags(*tags);
    if (auto* metadata = json::find(value, "metadata")) memory.metadata = json::write(*metadata);
    if (auto* importance = json::find(value, "importance")) memory.importance = importance->GetDouble();
    if (auto* pinned = json::find(value, "pinned")) memory.pinned = pinned->GetBool();
    for (const TimeField& field : kTimes) {
        auto time = readTime(value, field.name, pointer);
        if (!time) return time.error();
        if (*time) memory.*field.of_memory = **time;
    }
    auto expires = readExpiry(value, now, pointer);
    if (!expires) return expires.error();
    if (*expires) memory.expires_at = **expires;
    memory.on_duplicate = readOnDuplicate(value);
    return memory;
}

Result<engine::MemoryPatch> readPatch(const json::Value& value, int64_t now) {
    engine::MemoryPatch patch;
    if (auto* given = json::find(value, "content")) {
        auto content = readContent(value, *given, "");
        if (!content) return content.error();
        patch.content = std::move(*content);
    }
    if (auto* type = json::find(value, "type")) patch.type = std::string(json::view(*type));
    if (auto* tags = json::find(value, "tags"))
        patch.tags = tags->IsNull() ? std::vector<std::string>() : readTags(*tags);
    if (auto* metadata = json::find(value, "metadata"))
        patch.metadata = metadata->IsNull() ? std::string("{}") : json::write(*metadata);
    if (auto* importance = json::find(value, "importance")) patch.importance = importance->GetDouble();
    if (auto* pinned = json::find(value, "pinned")) patch.pinned = pinned->GetBool();
    for (const TimeField& field : kTimes) {
        auto time = readTime(value, field.name, "");
        if (!time) return time.error();
        patch.*field.of_patch = *time;
    }
    auto expires = readExpiry(value, now, "");
    if (!expires) return expires.error();
    patch.expires_at = *expires;
    return patch;
}

Result<engine::Uuid> readId(const json::Value& input) {
    const std::string_view text = json::view(*json::find(input, "id"));
    if (auto id = engine::Uuid::parse(text)) return *id;
    return Error{"memory_not_found", "'" + std::string(text) + "' is not the id of a memory", "", "/id"};
}

std::string_view textOr(const json::Value& object, std::string_view name, std::string_view fallback) {
    const json::Value* value = json::find(object, name);
    return value && value->IsString() ? json::view(*value) : fallback;
}

uint64_t numberOr(const json::Value& object, std::string_view name, uint64_t fallback) {
    const json::Value* value = json::find(object, name);
    return value && value->IsUint64() ? value->GetUint64() : fallback;
}

}  // namespace engram::operations
