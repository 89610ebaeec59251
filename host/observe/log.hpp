// The log: one JSON object a line, written by a thread of its own.
//
// A line costs its caller some hundred nanoseconds and never waits for the disk: what does not fit into the buffer is
// dropped and counted. Any thread.
#pragma once

#include <engram/cpp/result.hpp>

#include <condition_variable>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <thread>

namespace engram::observe {

enum class Level { Debug = 1, Info = 2, Warn = 3, Error = 4 };

struct Field {
    std::string_view key, value;
};

// A request's line; empty members are written as empty text.
struct AccessLine {
    std::string_view request_id, tenant_id, tenant_slug, user_id, route, method, error_code;
    int status_code = 0;
    double latency_ms = 0;
};

class Log {
public:
    struct Options {
        Level level = Level::Info;
        std::string file;                   // empty = standard error
        size_t buffer_bytes = 8u << 20;     // lines waiting to be written
    };

    // Error: the file cannot be opened.
    static Result<std::unique_ptr<Log>> open(Options options);
    Log(const Log&) = delete;
    ~Log();

    Level level() const { return options_.level; }
    void write(Level level, std::string_view message, std::span<const Field> fields);
    void write(Level level, std::string_view message, std::initializer_list<Field> fields = {}) {
        write(level, message, std::span<const Field>(fields.begin(), fields.size()));
    }
    void access(const AccessLine& line);
    uint64_t dropped() const;

private:
    Log(Options options, int descriptor);
    void append(std::string_view line, Level level);
    void run();

    const Options options_;
    const int descriptor_;
    mutable std::mutex mutex_;
    std::condition_variable wake_;
    std::string waiting_;
    uint64_t dropped_ = 0;
    enum class Phase { Running, Stopping } phase_ = Phase::Running;
    std::thread writer_;
};

}  // namespace engram::observe
