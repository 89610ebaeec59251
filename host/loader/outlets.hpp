// Where the host's services for plugins lead: the log, the metrics and the data directory of the process.
// Values.
#pragma once

#include <engram/host/log.h>
#include <engram/host/metrics.h>

#include <cstdint>
#include <engram/cpp/result.hpp>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace engram::loader {

// The functions are called from any thread and must not throw. One that is empty swallows what it is given.
struct HostOutlets {
    std::function<void(uint32_t level, std::string_view instance, std::string_view message,
                       std::span<const engram_kv> fields)>
        log;
    uint32_t min_log_level = ENGRAM_LOG_INFO;

    // kind is ENGRAM_METRIC_*; the name has its prefix already. The id is for add_metric; an error means that
    // the name exists with another kind or other labels. The same definition again (a second instance) gives
    // the same id.
    std::function<Result<uint64_t>(uint32_t kind, const std::string& name, const std::string& help,
                                   const std::vector<std::string>& labels)>
        define_metric;
    std::function<void(uint64_t id, std::span<const std::string_view> label_values, double value)> add_metric;

    std::filesystem::path data;  // absolute; instances get their folders in it
};

}  // namespace engram::loader
