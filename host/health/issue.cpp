#include "health/issue.hpp"

#include <algorithm>
#include <stdexcept>

namespace engram::health {
namespace {

constexpr Issue kIssues[] = {
#include "health_table.inc"
};

size_t rankOf(std::string_view code) {
    size_t rank = 0;
    for (const Issue& issue : kIssues) {
        if (issue.code == code) break;
        ++rank;
    }
    return rank;
}

}  // namespace

std::string_view nameOf(Severity severity) {
    switch (severity) {
        case Severity::Info: return "info";
        case Severity::Warning: return "warning";
        case Severity::Error: return "error";
    }
    return "error";
}

std::span<const Issue> issues() { return kIssues; }

const Issue* findIssue(std::string_view code) {
    for (const Issue& issue : kIssues)
        if (issue.code == code) return &issue;
    return nullptr;
}

Finding finding(std::string_view code, std::string evidence, std::string fix) {
    const Issue* issue = findIssue(code);
    if (!issue) throw std::logic_error("no health issue " + std::string(code));
    if (fix.empty()) fix = issue->fix;
    return {std::string(code), issue->severity, std::string(issue->title), std::move(evidence), std::move(fix), ""};
}

Severity worst(const Findings& findings) {
    Severity out = Severity::Info;
    for (const Finding& found : findings) out = std::max(out, found.severity);
    return out;
}

void sortFindings(Findings& findings) {
    std::stable_sort(findings.begin(), findings.end(), [](const Finding& a, const Finding& b) {
        if (a.severity != b.severity) return a.severity > b.severity;
        if (const size_t x = rankOf(a.code), y = rankOf(b.code); x != y) return x < y;
        return a.evidence < b.evidence;
    });
    auto same = [](const Finding& a, const Finding& b) { return a.code == b.code && a.evidence == b.evidence; };
    findings.erase(std::unique(findings.begin(), findings.end(), same), findings.end());
}

}  // namespace engram::health
