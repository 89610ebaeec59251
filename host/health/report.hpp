// Findings as JSON: what GET /v1/admin/health answers and `engram doctor --json` prints. Pure; any thread.
#pragma once

#include "health/issue.hpp"
#include "json/json.hpp"

#include <engram/cpp/result.hpp>

#include <string>

namespace engram::health {

struct Report {
    std::string version;  // of the program that made it
    Findings findings;    // sorted
};

// {"status": "ok|warning|error", "version", "findings": [{"code", "severity", "title", "evidence", "fix"}]}.
// Status is "ok" if nothing is worse than info.
std::string write(const Report& report);

// The report of another process; hostile until parsed. Error "invalid_json": the text is no such report. An unknown
// code (of a newer server) is kept as it came.
Result<Report> readReport(std::string_view text);

}  // namespace engram::health
