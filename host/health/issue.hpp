// The registry of health issues and what a check found of them. Values and constants; any thread.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace engram::health {

enum class Severity { Info, Warning, Error };

std::string_view nameOf(Severity severity);  // "info", "warning", "error"

struct Issue {
    std::string_view code;
    Severity severity;
    std::string_view title;
    std::string_view fix;  // what to do, unless the finding knows better
};

// All issues of sdk/schema/health.json, in its order.
std::span<const Issue> issues();

// nullptr if there is none of that code.
const Issue* findIssue(std::string_view code);

// One issue met: which, what was seen, what to do. The evidence may name paths and processes, never a secret.
struct Finding {
    std::string code;
    Severity severity;
    std::string title, evidence, fix;
    std::string path;  // of the file that --fix would change, else empty; not published
};

using Findings = std::vector<Finding>;

// A finding with its issue's severity, title and (if `fix` is empty) fix. `code` must be in the registry: it is ours,
// so another one ends the process (std::logic_error).
Finding finding(std::string_view code, std::string evidence, std::string fix = {});

// The gravest severity among the findings; Info if there are none.
Severity worst(const Findings& findings);

// The gravest first, then in the registry's order; what is there twice (code and evidence) once.
void sortFindings(Findings& findings);

}  // namespace engram::health
