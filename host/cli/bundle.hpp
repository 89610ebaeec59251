// What a support bundle holds: versions, configuration, findings, metrics, the log's end. Everything is redacted; no
// memory, key or content of the data directory is read. One thread.
#pragma once

#include "cli/archive.hpp"
#include "config/settings.hpp"
#include "health/report.hpp"

#include <optional>
#include <string>

namespace engram::cli {

struct BundleSources {
    std::optional<config::Settings> settings;  // none if the configuration is not valid
    health::Report report;
    std::string admin_url;  // where /metrics is, e.g. "http://127.0.0.1:7228"; empty = unknown
};

// The members in the order of the archive. What cannot be had is said in its place. At most 256 KiB of the log.
std::vector<ArchiveMember> bundleMembers(const BundleSources& sources);

}  // namespace engram::cli
