#include "problem/problem.hpp"

#include "json/json.hpp"
#include "json/utf8.hpp"

namespace engram::problem {
namespace {

constexpr Kind kKinds[] = {
#include "error_table.inc"
};

// Messages quote what was sent: whatever bytes those were, the document is JSON.
void member(json::Writer& out, std::string_view name, std::string_view value) {
    out.Key(name.data(), static_cast<rapidjson::SizeType>(name.size()));
    const std::string text = json::toUtf8(value);
    out.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
}

}  // namespace

std::span<const Kind> kinds() { return kKinds; }

const Kind& kindOf(std::string_view code) {
    const Kind* internal = nullptr;
    for (const Kind& kind : kKinds) {
        if (kind.code == code) return kind;
        if (kind.code == "internal") internal = &kind;
    }
    return *internal;
}

std::string document(const Error& error, std::string_view request_id, const Usage* usage) {
    const Kind& kind = kindOf(error.code);
    json::Buffer buffer;
    json::Writer out(buffer);
    out.StartObject();
    member(out, "type", "urn:engram:error:" + std::string(kind.code));
    member(out, "title", kind.title);
    out.Key("status");
    out.Int(kind.status);
    member(out, "detail", error.message.empty() ? kind.title : std::string_view(error.message));
    member(out, "code", kind.code);
    member(out, "hint", error.hint.empty() ? kind.hint : std::string_view(error.hint));
    member(out, "request_id", request_id);
    if (!error.pointer.empty()) member(out, "pointer", error.pointer);
    if (usage) {
        out.Key("limit");
        out.Uint64(usage->limit);
        out.Key("used");
        out.Uint64(usage->used);
        out.Key("reset");
        out.Uint64(usage->reset);
    }
    out.EndObject();
    return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace engram::problem
