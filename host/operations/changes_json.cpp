#include "operations/changes_json.hpp"

#include "engine/diff.hpp"
#include "operations/memory_json.hpp"

#include <algorithm>
#include <set>

namespace engram::operations {
namespace {

void key(json::Writer& out, std::string_view name) { out.Key(name.data(), static_cast<rapidjson::SizeType>(name.size())); }

// {"from": ..., "to": ...} by two functions that write a value.
template <class From, class To>
void writeFromTo(json::Writer& out, std::string_view name, const From& from, const To& to) {
    key(out, name);
    out.StartObject();
    out.Key("from");
    from();
    out.Key("to");
    to();
    out.EndObject();
}

void writeContent(json::Writer& out, const std::string& from, const std::string& to) {
    const auto hunks = engine::diffWords(from, to);
    if (hunks.empty()) return;
    out.Key("content");
    out.StartArray();
    for (const engine::Hunk& hunk : hunks) {
        out.StartObject();
        out.Key("at_old");
        out.Uint64(hunk.at_old);
        out.Key("at_new");
        out.Uint64(hunk.at_new);
        writeMember(out, "removed", hunk.removed);
        writeMember(out, "added", hunk.added);
        out.EndObject();
    }
    out.EndArray();
}

void writeMissing(json::Writer& out, std::string_view name, const std::vector<std::string>& of,
                  const std::vector<std::string>& in) {
    key(out, name);
    out.StartArray();
    for (const std::string& tag : of)
        if (std::find(in.begin(), in.end(), tag) == in.end()) writeText(out, tag);
    out.EndArray();
}

void writeMetadata(json::Writer& out, const std::string& from_text, const std::string& to_text) {
    if (from_text == to_text) return;
    auto from = json::parse(from_text), to = json::parse(to_text);
    if (!from || !to || !from->IsObject() || !to->IsObject()) return;
    std::set<std::string> names;
    for (const auto* side : {&*from, &*to})
        for (const auto& member : side->GetObject()) names.emplace(json::view(member.name));
    const auto value = [&out](const json::Value* member) {
        if (!member) return void(out.Null());
        const std::string text = json::write(*member);
        out.RawValue(text.data(), text.size(), member->GetType());
    };
    out.Key("metadata");
    out.StartObject();
    for (const std::string& name : names) {
        const json::Value *a = json::find(*from, name), *b = json::find(*to, name);
        if (a && b && *a == *b) continue;
        writeFromTo(out, name, [&] { value(a); }, [&] { value(b); });
    }
    out.EndObject();
}

void writeTimes(json::Writer& out, std::string_view name, std::optional<int64_t> from, std::optional<int64_t> to) {
    if (from == to) return;
    key(out, name);
    out.StartObject();
    writeTime(out, "from", from);
    writeTime(out, "to", to);
    out.EndObject();
}

}  // namespace

void writeChanges(json::Writer& out, const engine::Memory& from, const engine::Memory& to) {
    out.StartObject();
    writeContent(out, from.content, to.content);
    if (from.type != to.type)
        writeFromTo(out, "type", [&] { writeText(out, from.type); }, [&] { writeText(out, to.type); });
    if (from.tags != to.tags) {
        out.Key("tags");
        out.StartObject();
        writeMissing(out, "added", to.tags, from.tags);
        writeMissing(out, "removed", from.tags, to.tags);
        out.EndObject();
    }
    writeMetadata(out, from.metadata, to.metadata);
    if (from.importance != to.importance)
        writeFromTo(out, "importance", [&] { out.Double(from.importance); }, [&] { out.Double(to.importance); });
    if (from.pinned != to.pinned) writeFromTo(out, "pinned", [&] { out.Bool(from.pinned); }, [&] { out.Bool(to.pinned); });
    writeTimes(out, "occurred_at", from.occurred_at, to.occurred_at);
    writeTimes(out, "expires_at", from.expires_at, to.expires_at);
    writeTimes(out, "valid_from", from.valid_from, to.valid_from);
    writeTimes(out, "valid_until", from.valid_until, to.valid_until);
    out.EndObject();
}

}  // namespace engram::operations
