#include "health/report.hpp"

namespace engram::health {
namespace {

void member(json::Writer& out, std::string_view name, std::string_view value) {
    out.Key(name.data(), static_cast<rapidjson::SizeType>(name.size()));
    out.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
}

std::string textOf(const json::Value& object, std::string_view name) {
    const json::Value* value = json::find(object, name);
    return value && value->IsString() ? std::string(json::view(*value)) : std::string();
}

Severity severityOf(std::string_view name) {
    return name == "info" ? Severity::Info : name == "warning" ? Severity::Warning : Severity::Error;
}

}  // namespace

std::string write(const Report& report) {
    const Severity gravest = worst(report.findings);
    json::Buffer buffer;
    json::Writer out(buffer);
    out.StartObject();
    member(out, "status", gravest == Severity::Info ? "ok" : nameOf(gravest));
    member(out, "version", report.version);
    out.Key("findings");
    out.StartArray();
    for (const Finding& found : report.findings) {
        out.StartObject();
        member(out, "code", found.code);
        member(out, "severity", nameOf(found.severity));
        member(out, "title", found.title);
        member(out, "evidence", found.evidence);
        member(out, "fix", found.fix);
        out.EndObject();
    }
    out.EndArray();
    out.EndObject();
    return {buffer.GetString(), buffer.GetSize()};
}

Result<Report> readReport(std::string_view text) {
    auto parsed = json::parse(text);
    if (!parsed) return parsed.error();
    const json::Value* findings = json::find(*parsed, "findings");
    if (!findings || !findings->IsArray())
        return Error{"invalid_json", "the answer is no health report", "is it an engram server?", ""};
    Report report{textOf(*parsed, "version"), {}};
    for (const json::Value& value : findings->GetArray()) {
        if (!value.IsObject()) return Error{"invalid_json", "the answer is no health report", "is it an engram server?", ""};
        report.findings.push_back({textOf(value, "code"), severityOf(textOf(value, "severity")), textOf(value, "title"),
                                   textOf(value, "evidence"), textOf(value, "fix"), ""});
    }
    return report;
}

}  // namespace engram::health
