#include "engine/explanation.hpp"

#include "json/json.hpp"

#include <string_view>

namespace engram::engine {
namespace {

std::string_view nameOf(DroppedTerm::Reason reason) {
    switch (reason) {
        case DroppedTerm::Reason::StopWord: return "stop_word";
        case DroppedTerm::Reason::Unknown: return "unknown";
        case DroppedTerm::Reason::TooCommon: return "too_common";
        case DroppedTerm::Reason::TooDear: return "too_dear";
        case DroppedTerm::Reason::TooMany: break;
    }
    return "too_many";
}

void member(json::Writer& out, const char* name, std::string_view value) {
    out.Key(name);
    out.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
}

void numbers(json::Writer& out, const char* name, const std::vector<std::pair<std::string, uint64_t>>& values) {
    out.Key(name);
    out.StartObject();
    for (const auto& [part, value] : values) {
        out.Key(part.data(), static_cast<rapidjson::SizeType>(part.size()));
        out.Uint64(value);
    }
    out.EndObject();
}

}  // namespace

std::string Explanation::json() const {
    json::Buffer buffer;
    json::Writer out(buffer);
    out.StartObject();
    out.Key("terms");
    out.StartArray();
    for (const UsedTerm& term : terms) {
        out.StartObject();
        member(out, "term", term.term);
        out.Key("df");
        out.Uint64(term.df);
        out.Key("idf");
        out.Double(term.idf);
        if (!term.stands_for.empty()) member(out, "stands_for", term.stands_for);
        out.EndObject();
    }
    out.EndArray();
    out.Key("dropped");
    out.StartArray();
    for (const DroppedTerm& term : dropped) {
        out.StartObject();
        member(out, "term", term.term);
        member(out, "reason", nameOf(term.reason));
        out.EndObject();
    }
    out.EndArray();
    numbers(out, "candidates", candidates);
    numbers(out, "microseconds", microseconds);
    out.EndObject();
    return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace engram::engine
